"""Which class of published runs a run belongs to, and so how far its time may be off."""

from __future__ import annotations

from gptbudget.specs.evidence import Evidence
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import StackName
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.time_range import TimeRange


def likely_range(
    gpu: GpuSpec,
    layout: Layout,
    recipe: Recipe,
    stack: StackName,
    model: ModelSpec | None,
    evidence: Evidence,
) -> TimeRange | None:
    """The first class that holds; ``None`` where none does."""
    for each in evidence.time_ranges:
        fewest, most = each.gpus
        holds = (
            _is_one_of(gpu.architecture, each.architectures)
            and _is_one_of(gpu.segment, each.segments)
            and _is_one_of(stack, each.stacks)
            and _is_one_of(recipe.method.kind, each.methods)
            and _is_one_of(recipe.precision, each.precisions)
            and fewest <= layout.gpus <= most
            and (not each.experts or (model is not None and model.experts is not None))
            and (not each.cut or layout.tp * layout.pp > 1)
        )
        if holds:
            return each
    return None


def _is_one_of(value: str | None, wanted: tuple[str, ...]) -> bool:
    return not wanted or value in wanted
