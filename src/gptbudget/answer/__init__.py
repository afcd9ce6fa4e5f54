"""Answers in words and as plain data, for every format."""
