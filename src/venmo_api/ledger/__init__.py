"""Double entry. No router: nobody posts to the ledger over HTTP."""
