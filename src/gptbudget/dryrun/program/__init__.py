"""What runs inside the user's program: hooks on PyTorch that watch memory, steps and values.

These files are read by the program's own Python (3.10 or later), where gptbudget need not be
installed: they import PyTorch, the standard library and each other, nothing else.
"""
