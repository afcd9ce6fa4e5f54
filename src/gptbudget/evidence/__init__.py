"""Measured and published training runs, and the errors of our estimates on them."""
