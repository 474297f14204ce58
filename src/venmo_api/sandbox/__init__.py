"""What an app developer drives on a laptop: the clock, the inbox. Absent in production."""
