"""Benchmarks of what answers live."""
