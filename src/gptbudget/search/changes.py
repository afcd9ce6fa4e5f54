"""Single changes to a recipe: which are possible, what each saves, what each costs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from gptbudget.core.arrays import Bytes
from gptbudget.core.flops import recomputed_flops_per_token, train_flops_per_token
from gptbudget.core.step import loss_memory
from gptbudget.run.estimate import Memory, memory_of
from gptbudget.run.recipe import best_attention, default_storage
from gptbudget.run.run import ModelRun
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.optimizers import OPTIMIZERS
from gptbudget.specs.options import LAYOUT_OPTIONS
from gptbudget.specs.recipe import Method, Precision, Recipe, field_of

QUALITY_COSTS = {
    ("recipe", "pure"): 1,
    **{
        ("optimizer", name): spec.quality_cost
        for name, spec in OPTIMIZERS.items()
        if spec.quality_cost
    },
    ("method", "lora"): 2,
    ("method", "qlora"): 2,
}
"""How much quality a choice costs: fewer bits, or few weights trained. A user's own choice costs
nothing in a search."""


class Change(NamedTuple):
    """One option set to another value."""

    option: str
    value: Any

    @property
    def costs_quality(self) -> bool:
        """Whether it does: fewer bits in weights or optimizer, or fewer weights trained."""
        return (self.option, self.value) in QUALITY_COSTS


class Changed(NamedTuple):
    """A run after some changes, together with the original run."""

    changes: tuple[Change, ...]
    run: ModelRun
    memory: Memory
    run_before: ModelRun
    memory_before: Memory

    @property
    def saved_bytes(self) -> Bytes:
        """Of the whole bill; negative when it needs more."""
        return self.memory_before.peak_bytes - self.memory.peak_bytes

    @property
    def flops_ratio(self) -> float:
        """Executed FLOPs / executed FLOPs of the original run."""
        return executed_flops_per_token(self.run) / executed_flops_per_token(self.run_before)

    @property
    def sums_in_16_bit(self) -> bool:
        """Whether gradients of several micro-batches are added in 16 bit, and were not."""
        before = self.memory_before.sums_in_16_bit(self.run_before)
        return self.memory.sums_in_16_bit(self.run) and not before

    @property
    def costs_quality(self) -> bool:
        """Whether the changes lower quality, including by summing gradients in 16 bit."""
        return self.sums_in_16_bit or any(change.costs_quality for change in self.changes)


CHANGES = (
    Change("micro_batch", 1),
    Change("precision", "bf16"),
    Change("attention", "flash"),
    Change("loss", "chunked"),
    Change("loss", "fused"),
    Change("keep_logits", value=False),
    Change("optimizer_impl", "fused"),
    Change("checkpointing", "selective"),
    Change("checkpointing", "full"),
    Change("sequence_parallel", value=True),
    Change("zero", 3),
    Change("recipe", "master"),
    Change("offload", "none"),
    Change("offload", "optimizer"),
    Change("offload", "all"),
    *(Change("optimizer", name) for name, spec in OPTIMIZERS.items() if spec.tried_for),
    Change("recipe", "pure"),
    Change("method", "lora"),
    Change("method", "qlora"),
)
"""Every change that is tried."""


def single_changes(run: ModelRun, memory: Memory) -> list[Changed]:
    """Return every possible change with the memory it saves, even if it saves nothing.

    Lossless ones come first.
    """
    tried = (changed_run(run, memory, (change,)) for change in CHANGES)
    made = [changed for changed in tried if changed is not None]
    return sorted(made, key=lambda changed: changed.costs_quality)


def changed_run(run: ModelRun, memory: Memory, changes: tuple[Change, ...]) -> Changed | None:
    """The run with ``changes``; ``None`` where they cannot be made."""
    other = run
    for change in changes:
        if not is_possible(other, change):
            return None
        other = applied(other, change)
    if other.recipe.offload == "optimizer" and _keeps_no_state(other.recipe):
        return None
    bill = memory_of(other)
    return None if bill is None else Changed(changes, other, bill, run, memory)


def executed_flops_per_token(run: ModelRun) -> float:
    """FLOPs of one token, those of recomputation counted."""
    model, recipe = run.work.spec, run.recipe
    counted = train_flops_per_token(model, run.seq_len, "full", recipe.method).total
    return float(counted + recomputed_flops_per_token(model, run.seq_len, recipe.checkpointing))


_STEPS: dict[str, tuple[Any, ...]] = {
    "zero": (0, 1, 2, 3),
    "loss": ("plain", "chunked", "fused"),
    "checkpointing": ("none", "selective", "full"),
    "method": ("full", "frozen", "lora", "qlora"),
}
"""Values in order of decreasing memory; a change may only move to the right."""


def is_possible(run: ModelRun, change: Change) -> bool:
    """Whether a change changes something, and can be made to this run."""
    option, value = change
    now, steps, allowed = _value(run, option), _STEPS.get(option), _ALLOWED.get(option)
    further = now != value if steps is None else steps.index(value) > steps.index(now)
    return bool(further) and (allowed is None or allowed(run, value))


def _value(run: ModelRun, option: str) -> Any:
    """What an option of a run is now."""
    if option == "method":
        return run.recipe.method.kind
    if option == "micro_batch":
        return run.micro_batch
    if option in LAYOUT_OPTIONS:
        return getattr(run.layout, option)
    return getattr(run.recipe, field_of(option))


def _stores_otherwise(run: ModelRun, _: Any) -> bool:
    """Whether weight storage can be reduced: 16 bit, not yet ``pure``, without adapters."""
    recipe = run.recipe
    return (
        recipe.mode != "fp32" and recipe.weight_storage != "pure" and not recipe.method.has_adapters
    )


_ALLOWED: dict[str, Callable[[ModelRun, Any], bool]] = {
    "sequence_parallel": lambda run, _: run.layout.tp > 1,
    "zero": lambda run, _: run.layout.dp * run.layout.cp > 1,
    "precision": lambda run, value: (
        run.recipe.mode == "fp32" and run.gpu.spec.peak_flops_per_s(value) is not None
    ),
    "attention": lambda run, value: best_attention(run.gpu.spec, run.recipe.precision) == value,
    "loss": lambda run, value: not (run.recipe.keep_logits and value == "fused"),
    "optimizer_impl": lambda run, _: run.recipe.optimizer_spec.fusing_saves,
    "checkpointing": lambda run, value: (
        value == "full" or run.recipe.attention in {"math", "eager"}
    ),
    "recipe": _stores_otherwise,
    "offload": lambda run, value: value != "optimizer" or not _keeps_no_state(run.recipe),
    "optimizer": lambda run, value: run.recipe.optimizer == OPTIMIZERS[value].tried_for,
    "method": lambda run, _: run.recipe.mode != "fp32" and adaptable(run.work.spec),
}
"""Condition under which each change is possible."""


def adaptable(model: ModelSpec) -> bool:
    """Whether LoRA on this model is modelled, and its default rank is not too large."""
    narrowest = min(model.width, model.kv_width)
    plain = model.experts is None and model.attention.latent is None
    return plain and narrowest >= Method().lora_rank


def _keeps_no_state(recipe: Recipe) -> bool:
    return not recipe.optimizer_spec.keeps_state and recipe.weight_storage != "master"


def applied(run: ModelRun, change: Change) -> ModelRun:
    """The run with one change made, and with the defaults that follow from it."""
    recipe = run.recipe
    match change.option:
        case "micro_batch":
            return run.resized(micro_batch=change.value, seq_len=run.seq_len)
        case "sequence_parallel" | "zero":
            return replace(run, layout=run.layout._replace(**{change.option: change.value}))
        case "precision":
            return replace(run, recipe=_in_precision(run, change.value))
        case "method":
            had = recipe.method if recipe.method.has_adapters else Method()
            method = had._replace(kind=change.value)
            return replace(run, recipe=recipe._replace(method=method, weight_storage="pure"))
        case "optimizer":
            return replace(
                run, recipe=recipe._replace(optimizer=change.value, optimizer_impl="fused")
            )
        case "loss":
            its = run.implementation
            loss = loss_memory(its.stack, its.parts, change.value)
            run = replace(run, implementation=its._replace(loss=loss))
    return replace(run, recipe=recipe._replace(**{field_of(change.option): change.value}))


def _in_precision(run: ModelRun, precision: Precision) -> Recipe:
    """Return the recipe in another precision; options that were not given follow it."""
    recipe = run.recipe._replace(precision=precision)
    if not run.asked("recipe"):
        recipe = recipe._replace(
            weight_storage=default_storage(precision, run.implementation.stack, recipe.method)
        )
    if not run.asked("attention"):
        best = best_attention(run.gpu.spec, precision)
        recipe = recipe._replace(attention=run.implementation.stack.attention or best)
    return recipe
