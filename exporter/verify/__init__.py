"""Verifying: whether the container holds what the ledger records."""
