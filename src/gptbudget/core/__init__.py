"""The formulas: one concept a file, on plain numbers or arrays."""
