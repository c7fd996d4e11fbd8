"""``make run``: from nothing to exported files, by the real functions, checked against what was landed."""
