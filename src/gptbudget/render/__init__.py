"""Answers in one format each: terminal, JSON, CSV, Markdown."""
