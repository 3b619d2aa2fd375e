# Unit tests of acl.
