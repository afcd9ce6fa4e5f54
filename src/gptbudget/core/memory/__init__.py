"""Memory of one rank during a training step: the phases, and the tensors alive in each."""
