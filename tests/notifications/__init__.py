"""What people are told, over HTTP with the worker drained."""
