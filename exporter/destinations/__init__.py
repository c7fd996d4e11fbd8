"""Destinations: find, edit, test, activate, pause, delete and show them."""
