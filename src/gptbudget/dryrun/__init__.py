"""The user's own program, run on a GPU that is not there."""
