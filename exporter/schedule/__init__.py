"""Which hours are due, and in which order they are queued."""
