"""What comes in: frozen, validated descriptions."""
