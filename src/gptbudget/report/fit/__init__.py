"""The answer of ``fit``: which ways there are, how far each is from the plain one, what to type."""
