"""Log lines for operators, notifications for customers."""
