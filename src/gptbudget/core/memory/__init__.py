"""Bytes on one rank all through a step: the timeline, and what is on it."""
