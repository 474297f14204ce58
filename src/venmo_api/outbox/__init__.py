"""Events leave in the transaction that caused them and are delivered at least once."""
