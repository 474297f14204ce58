"""Benchmarks: one command, a table of ratios, everything measured in one run on one machine."""
