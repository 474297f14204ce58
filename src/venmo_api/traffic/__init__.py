"""What was asked of the API, by whom: history for whoever looks for abuse."""
