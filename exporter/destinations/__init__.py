"""Destinations: made, changed, tested, activated, shown."""
