"""Explanations: the formula of each number of an answer, recorded while it is computed."""
