"""What operators and customers are told."""
