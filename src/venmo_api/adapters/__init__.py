"""One outside system a file, a local twin beside the real one."""
