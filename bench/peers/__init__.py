"""What the service is measured against, in the same run: see each module."""
