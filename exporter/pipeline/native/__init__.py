"""Native code: the checks of a row in 1 µs instead of 15. Without it, the app does the same in Python."""
