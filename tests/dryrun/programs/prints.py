"""A program on the side, of which another reads what it prints."""

print("ready")
