"""Variants of a run, and the best of them: remedies, the search of ``fit``, counts of GPUs."""
