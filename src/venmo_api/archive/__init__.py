"""Closed periods move to S3 as verified, hash-chained Parquet; the proof of every balance."""
