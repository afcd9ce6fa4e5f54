"""Files: found, read strictly, laid over each other, resolved by name."""
