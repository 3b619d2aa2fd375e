# Unit tests of broker.
