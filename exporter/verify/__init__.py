"""Verifying hours: is what the container holds what the ledger says."""
