# Unit tests of meta.
