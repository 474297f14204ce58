"""What an account did: balances as of any moment, statements as JSON, CSV and PDF."""
