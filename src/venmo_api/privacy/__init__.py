"""Personal data as a whole: what was kept in clear is sealed, keys are renewed, people are forgotten."""
