"""Asking for money: requests, and splits of one expense among many."""
