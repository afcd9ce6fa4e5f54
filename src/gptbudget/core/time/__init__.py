"""Seconds of a training step, part by part, from the model, the machine and the software."""
