"""Operator verbs that have a name in common, a file each, and what all verbs stand on."""
