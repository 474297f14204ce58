"""Money, ids, the clock, events, errors and paging: the standard library only."""
