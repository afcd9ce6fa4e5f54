"""Answers of ``plan`` in words and as plain data."""
