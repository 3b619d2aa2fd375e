# Unit tests of coord.
