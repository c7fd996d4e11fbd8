"""Compiles filters and applies them to events."""
