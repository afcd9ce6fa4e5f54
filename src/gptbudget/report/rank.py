"""Which GPU of several needs most memory, and why."""

from __future__ import annotations

from typing import Any

from gptbudget.core.placement import Placement
from gptbudget.plan.estimate import Estimate


def worst_rank(estimate: Estimate) -> str | None:
    """The rank whose bill is shown, as a clause; ``None`` for a single GPU or without a bill."""
    memory, run = estimate.memory, estimate.run
    if memory is None or run.gpus == 1:
        return None
    rank, stages = memory.by_phase.rank, run.layout.pp
    if stages == 1:
        return "every GPU needs the same"
    which = {0: "first", stages - 1: "last"}.get(rank.stage, f"{rank.stage + 1}th")
    return f"the {which} of {stages} pipeline stages needs most: {_why(rank)}"


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
    blocks = f"{rank.layers} blocks with {rank.in_flight:g} micro-batches in flight"
    if rank.first:
        return f"the embedding, and {blocks}"
    if rank.last:
        return f"head, logits and loss beside {rank.layers} blocks"
    return f"the first stage that trains, {blocks}"
