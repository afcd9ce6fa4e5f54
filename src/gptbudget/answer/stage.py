"""Which GPU of several needs most memory, and why."""

from __future__ import annotations

from typing import Any

from gptbudget.core.memory.placement import Placement
from gptbudget.run.estimate import Estimate
from gptbudget.units import format_many


def worst_rank(estimate: Estimate) -> str | None:
    """The rank whose bill is shown, as a clause; ``None`` for a single GPU or without a bill."""
    memory, run = estimate.memory, estimate.run
    if memory is None or run.gpus == 1:
        return None
    if run.layout.pp == 1:
        return "every GPU needs the same"
    return f"{_which(estimate)} needs most: {_why(memory.by_phase.rank)}"


def where(estimate: Estimate) -> str:
    """The same as the end of a clause, where GPUs differ: ``on the first of 8 pipeline stages``."""
    differ = estimate.memory is not None and estimate.run.layout.pp > 1
    return f" on {_which(estimate)}" if differ else ""


def _which(estimate: Estimate) -> str:
    assert estimate.memory is not None
    stage, stages = estimate.memory.by_phase.rank.stage, estimate.run.layout.pp
    if 0 < stage < stages - 1:
        return f"stage {stage + 1} of {stages} of the pipeline"
    return f"the {'last' if stage else 'first'} of {stages} pipeline stages"


def rank_data(estimate: Estimate) -> dict[str, Any] | None:
    """The same as plain data."""
    text, memory = worst_rank(estimate), estimate.memory
    if text is None or memory is None:
        return None
    rank = memory.by_phase.rank
    return {
        "stage": rank.stage + 1,
        "stages": estimate.run.layout.pp,
        "layers": rank.layers,
        "micro_batches_in_flight": rank.in_flight,
        "text": text,
    }


def _why(rank: Placement) -> str:
    """What a stage holds that others do not."""
    layers = format_many(rank.layers, "block")
    blocks = f"{layers} with {format_many(rank.in_flight, 'micro-batch', 'es')} in flight"
    if rank.first:
        return f"the embedding, and {blocks}"
    if rank.last:
        return f"head, logits and loss beside {layers}"
    frozen = rank.trained_layers < rank.layers
    return f"it trains {rank.trained_layers} of {blocks}" if frozen else blocks
