# Unit tests of tenant.
