"""Input data: frozen, validated models and the tables of options and optimizers."""
