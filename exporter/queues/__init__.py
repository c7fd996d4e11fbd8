"""The functions that the timer and the queues trigger."""
