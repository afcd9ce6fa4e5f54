"""What a budget is best spent on: laws, shapes, and what the hardware makes of them."""
