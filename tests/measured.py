"""What was measured and published, and what is scored of it: once for all tests of a process."""

from __future__ import annotations

from functools import cache

from gptbudget.answer.document import Document
from gptbudget.answer.validation import validation_document
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.step import Implementation, implementation
from gptbudget.evidence.memory import measured_stack
from gptbudget.evidence.validate import AgainstRuns, against_pytorch, against_runs
from gptbudget.specs.model import ModelSpec


def rules(model: ModelSpec, block: str, loss: str = "plain") -> Implementation:
    """What the implementation that was measured as ``block`` keeps for ``model``."""
    return implementation(model, measured_stack(block), load_evidence().stacks, loss)


@cache
def scored_runs() -> AgainstRuns:
    """Every published run of the package, scored."""
    return against_runs()


@cache
def validated() -> Document:
    """What ``validate`` prints."""
    return validation_document(against_pytorch(), scored_runs())
