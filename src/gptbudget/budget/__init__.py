"""Plan a budget: scaling laws, model shapes, and the compute-optimal model on given hardware."""
