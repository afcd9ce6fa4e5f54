"""Memory of a step, cached, because the search for remedies repeats steps."""

from functools import lru_cache

from gptbudget.core.memory.timeline import MemoryByPhase, memory_by_phase
from gptbudget.core.step import TrainingStep


def step_memory(step: TrainingStep, stage: int | None = None) -> MemoryByPhase | None:
    """:func:`memory_by_phase` of ``step``, or its cached result."""
    key = _Key(step, stage)
    try:
        hash(key)
    except TypeError:  # arrays, and numbers that remember how they were made
        return memory_by_phase(step, stage)
    return remembered(key)


class _Key:
    """A step by its values; its model and the parts of its implementation by identity."""

    __slots__ = ("stage", "step", "values")

    def __init__(self, step: TrainingStep, stage: int | None) -> None:
        self.step, self.stage = step, stage
        model, recipe, implementation, *numbers = step
        self.values = (id(model), recipe, *map(id, implementation), *numbers, stage)

    def __hash__(self) -> int:
        return hash(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.values == other.values


@lru_cache(maxsize=1024)
def remembered(key: _Key) -> MemoryByPhase | None:
    """The memory of a step, from the last thousand that were asked for."""
    return memory_by_phase(key.step, key.stage)
