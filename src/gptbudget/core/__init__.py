"""Formulas, one concept per file. They take plain numbers or NumPy arrays."""
