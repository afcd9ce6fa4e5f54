"""Memory of a step, cached, because the search for remedies repeats steps."""

from typing import Any

from gptbudget.core.memory.timeline import MemoryByPhase, memory_by_phase
from gptbudget.core.step import TrainingStep

_MOST_STEPS = 1024
remembered: dict[tuple[Any, ...], tuple[TrainingStep, MemoryByPhase | None]] = {}
"""Steps and their memory by the values of the step; its model and the parts of its implementation
by identity, which holds as long as the step is kept."""


def step_memory(step: TrainingStep, stage: int | None = None) -> MemoryByPhase | None:
    """:func:`memory_by_phase` of ``step``, or its cached result."""
    model, recipe, implementation, *numbers = step
    key = (id(model), recipe, *map(id, implementation), *numbers, stage)
    try:
        known = remembered.get(key)
    except TypeError:  # arrays, and numbers that remember how they were made
        return memory_by_phase(step, stage)
    if known is None:
        if len(remembered) >= _MOST_STEPS:
            remembered.clear()
        known = remembered[key] = (step, memory_by_phase(step, stage))
    return known[1]
