"""The functions that HTTP requests trigger."""
