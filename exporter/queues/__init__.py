"""Functions with a timer or queue trigger."""
