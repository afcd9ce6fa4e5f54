"""Scaling laws: what a budget is best spent on, and what loss that promises; one law a module."""
