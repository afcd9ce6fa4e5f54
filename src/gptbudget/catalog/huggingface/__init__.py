"""Hugging Face ``config.json`` files as models: read as data, never executed."""
