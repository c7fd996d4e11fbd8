"""Filters: compiled, and asked of every event."""
