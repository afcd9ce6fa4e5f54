"""Which GPU of several needs most memory, and why."""

from typing import Any

from gptbudget.core.memory.placement import Placement
from gptbudget.run.estimate import Estimate, Memory
from gptbudget.run.run import ComputeRun, ModelRun
from gptbudget.units import format_many


def worst_rank(estimate: Estimate) -> str | None:
    """The rank whose bill is shown, as a clause; ``None`` for a single GPU or without a bill."""
    memory, run = estimate.memory, estimate.run
    if memory is None or isinstance(run, ComputeRun) or run.gpus == 1:
        return None
    if run.layout.pp == 1:
        return "every GPU needs the same"
    rank = memory.by_phase.rank
    return f"{_which(rank.stage, run.layout.pp)} needs most: {_why(rank)}"


def where(run: ModelRun, memory: Memory) -> str:
    """The same as the end of a clause, where GPUs differ: ``on the first of 8 pipeline stages``."""
    stages = run.layout.pp
    return f" on {_which(memory.by_phase.rank.stage, stages)}" if stages > 1 else ""


def _which(stage: int, stages: int) -> str:
    if 0 < stage < stages - 1:
        return f"stage {stage + 1} of {stages} of the pipeline"
    return f"the {'last' if stage else 'first'} of {stages} pipeline stages"


def rank_data(estimate: Estimate) -> dict[str, Any] | None:
    """The same as plain data."""
    text, memory, run = worst_rank(estimate), estimate.memory, estimate.run
    if text is None or memory is None or isinstance(run, ComputeRun):
        return None
    rank = memory.by_phase.rank
    return {
        "stage": rank.stage + 1,
        "stages": run.layout.pp,
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
