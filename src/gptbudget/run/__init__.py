"""A question becomes a complete run, and a run becomes an estimate."""
