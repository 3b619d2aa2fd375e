# Unit tests of security.
