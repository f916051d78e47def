"""Measures what the system costs. `make bench` prints JSON lines; docs/benchmarks.md reads them."""
