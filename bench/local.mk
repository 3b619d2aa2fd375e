# Load generators; not built by default.
