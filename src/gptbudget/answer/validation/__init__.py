"""What ``validate`` has to say: how wrong we are, by group, and the worst rows by name."""
