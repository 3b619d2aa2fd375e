# Fuzz targets; without libFuzzer each replays its corpus under make check.
