"""Which hours are owed, and who exports them next."""
