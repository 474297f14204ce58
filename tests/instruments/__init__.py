"""Instruments nobody here wrote, and the scan for what must not be kept: `make instruments`."""
