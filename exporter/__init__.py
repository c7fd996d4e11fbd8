"""Exports raw events and merged user ids to customers' containers, every hour, exactly once."""

__version__ = "0.1.0"
