"""Benchmarks side by side with peers; `make bench` prints ratios, never promises."""
