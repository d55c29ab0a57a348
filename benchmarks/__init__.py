"""Measurements of the product on real servers; run one as `python -m benchmarks.NAME --help`."""
