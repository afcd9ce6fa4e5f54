"""The implementations whose steps were measured, by the name they have in the truth tables."""

from __future__ import annotations

from gptbudget.catalog.reference import load_evidence
from gptbudget.core.implementation import Implementation, implementation
from gptbudget.evidence.memory import measured_stack
from gptbudget.specs.model import ModelSpec


def rules(model: ModelSpec, block: str, loss: str = "plain") -> Implementation:
    """What the implementation that was measured as ``block`` keeps for ``model``."""
    return implementation(model, measured_stack(block), load_evidence().stacks, loss)
