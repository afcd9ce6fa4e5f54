"""What to train with a budget: laws, shapes, and how many GPUs a deadline needs."""
