"""Risk in line: counters, rules, model; allow, review or deny, and the log that replays it."""
