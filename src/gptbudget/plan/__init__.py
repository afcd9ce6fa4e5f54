"""Composition: a complete question becomes an estimate."""
