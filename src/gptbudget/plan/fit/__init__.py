"""The search for recipes and layouts that fit: what is tried, how it is evaluated, what is kept."""
