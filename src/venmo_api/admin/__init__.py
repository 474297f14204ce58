"""What staff may look at and end; nobody moves money here."""
