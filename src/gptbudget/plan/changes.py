"""Single changes of a recipe: what each saves in memory, what it costs, and which make it fit.

A change that costs quality is marked, and never comes before a lossless one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from gptbudget.core.activations import Implementation
from gptbudget.core.flops import recomputed_flops_per_token, train_flops_per_token
from gptbudget.plan.estimate import Memory, memory_of
from gptbudget.plan.recipe import best_attention, default_storage
from gptbudget.plan.run import NamedModel, TrainingRun
from gptbudget.specs.method import Method
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe


class Change(NamedTuple):
    """One option set to another value."""

    option: str
    value: Any
    costs_quality: bool = False
    """Fewer bits in weights or optimizer, or fewer weights trained."""


class Changed(NamedTuple):
    """A run with some changes, beside the run as it was."""

    changes: tuple[Change, ...]
    memory: Memory
    saved_bytes: float
    """Of the whole bill; negative when it needs more."""
    flops_ratio: float
    """Executed FLOPs over those of the run as it was."""

    @property
    def costs_quality(self) -> bool:
        """Whether any of the changes does."""
        return any(change.costs_quality for change in self.changes)


_SINGLE = (
    Change("micro_batch", 1),
    Change("precision", "bf16"),
    Change("attention", "flash"),
    Change("loss", "chunked"),
    Change("loss", "fused"),
    Change("keep_logits", value=False),
    Change("optimizer_impl", "fused"),
    Change("checkpointing", "selective"),
    Change("checkpointing", "full"),
    Change("recipe", "master"),
    Change("offload", "none"),
    Change("offload", "optimizer"),
    Change("offload", "all"),
    Change("optimizer", "adamw8bit", costs_quality=True),
    Change("recipe", "pure", costs_quality=True),
    Change("method", "lora", costs_quality=True),
    Change("method", "qlora", costs_quality=True),
)
"""Each tried for itself, lossless ones first."""

_LADDER = (
    (Change("micro_batch", 1),),
    (Change("precision", "bf16"),),
    (Change("attention", "flash"),),
    (Change("keep_logits", value=False),),
    (Change("loss", "fused"),),
    (Change("recipe", "master"), Change("recipe", "pure", costs_quality=True)),
    (Change("checkpointing", "full"),),
    (Change("offload", "none"), Change("offload", "optimizer"), Change("offload", "all")),
    (Change("optimizer", "adamw8bit", costs_quality=True),),
    (
        Change("method", "lora", costs_quality=True),
        Change("method", "qlora", costs_quality=True),
    ),
)
"""What combinations are made of: at most one of each rung."""


def single_changes(run: TrainingRun, memory: Memory) -> list[Changed]:
    """Every change that can be made, with what it saves, also when that is nothing."""
    return [
        changed for change in _SINGLE if (changed := _changed(run, memory, (change,))) is not None
    ]


def cheapest_fit(run: TrainingRun, *, offload: bool) -> Changed | None:
    """The combination of changes that makes the run fit at the least cost, if there is one.

    Least: no loss of quality, then no traffic to the host, then fewest executed FLOPs, then
    fewest changes. Without ``offload`` nothing is moved to the host. Combinations that lose
    the same are passed over together when all free changes on top of them do not help.
    """
    memory = memory_of(run)
    assert memory is not None
    groups: dict[tuple[Change, ...], list[tuple[Change, ...]]] = {}
    for changes in sorted(_combinations(run, offload=offload), key=_cost):
        groups.setdefault(tuple(filter(_is_dear, changes)), []).append(changes)
    for combinations in groups.values():
        most = _changed(run, memory, max(combinations, key=len))
        if most is None or not most.memory.fits_accumulated:
            continue
        for changes in combinations:
            changed = _changed(run, memory, changes)
            if changed is not None and changed.memory.fits_accumulated:
                return changed
    return None


def _is_dear(change: Change) -> bool:
    """Whether a change loses quality or moves memory to the host."""
    return change.costs_quality or change.option == "offload"


def _unlocked(run: TrainingRun) -> TrainingRun:
    """The run with the changes made that others may wait for."""
    for change in (Change("precision", "bf16"), Change("keep_logits", value=False)):
        if _possible(run, change):
            run = _applied(run, change)
    return run


def _moves_to_host(change: Change) -> bool:
    return change.option == "offload" and change.value != "none"


def _combinations(run: TrainingRun, *, offload: bool) -> Iterator[tuple[Change, ...]]:
    runs = (run, _unlocked(run))
    rungs: list[list[Change | None]] = []
    for rung in _LADDER:
        usable = [
            change
            for change in rung
            if (offload or not _moves_to_host(change)) and any(_possible(r, change) for r in runs)
        ]
        rungs.append([None, *usable])
    for picked in product(*rungs):
        changes = tuple(change for change in picked if change is not None)
        if changes:
            yield changes


def remedies(run: TrainingRun) -> list[Changed]:
    """What makes a run fit: the cheapest way, and the cheapest without moving to the host."""
    best = cheapest_fit(run, offload=True)
    if best is None:
        return []
    if not any(map(_moves_to_host, best.changes)):
        return [best]
    other = cheapest_fit(run, offload=False)
    return [best] if other is None else [best, other]


_PRICES = {
    ("checkpointing", "full"): (0, 1),
    ("offload", "none"): (-1, 0),
    ("offload", "optimizer"): (1, 0),
    ("offload", "all"): (2, 0),
}
"""Traffic to the host and recomputation, in ranks; other lossless changes cost neither."""


_LOSSES = {"method": 4}
"""Training a few weights is another undertaking than training all of them in fewer bits."""


def _cost(changes: tuple[Change, ...]) -> tuple[int, int, int, int]:
    """What a combination costs, the worst first: quality, traffic, recomputation, effort."""
    lost = sum(_LOSSES.get(change.option, 1) for change in changes if change.costs_quality)
    prices = [_PRICES.get((change.option, change.value), (0, 0)) for change in changes]
    return lost, sum(p[0] for p in prices), sum(p[1] for p in prices), len(changes)


def _changed(run: TrainingRun, memory: Memory, changes: tuple[Change, ...]) -> Changed | None:
    """The run with ``changes``; ``None`` where they cannot be made."""
    other = run
    for change in changes:
        if not _possible(other, change):
            return None
        other = _applied(other, change)
    if other.recipe.offload == "optimizer" and _keeps_no_state(other.recipe):
        return None
    found = memory_of(other)
    if found is None:
        return None
    ratio = executed_flops_per_token(other) / executed_flops_per_token(run)
    return Changed(changes, found, memory.peak_bytes - found.peak_bytes, ratio)


def executed_flops_per_token(run: TrainingRun) -> float:
    """FLOPs of one token, those of recomputation counted."""
    assert isinstance(run.work, NamedModel)
    assert run.seq_len is not None
    model, recipe = run.work.spec, run.recipe
    counted = train_flops_per_token(model, run.seq_len, "full", recipe.method).total
    return float(counted + recomputed_flops_per_token(model, run.seq_len, recipe.checkpointing))


_STEPS: dict[str, tuple[str, ...]] = {
    "loss": ("plain", "chunked", "fused"),
    "checkpointing": ("none", "selective", "full"),
    "method": ("full", "frozen", "lora", "qlora"),
}
"""Values that need ever less memory: a change only goes on."""


def _possible(run: TrainingRun, change: Change) -> bool:
    """Whether a change changes something, and can be made to this run."""
    assert isinstance(run.work, NamedModel)
    recipe, model, value = run.recipe, run.work.spec, change.value
    now = {
        "loss": recipe.loss,
        "checkpointing": recipe.checkpointing,
        "method": recipe.method.kind,
    }
    if change.option in now:
        steps = _STEPS[change.option]
        if steps.index(value) <= steps.index(now[change.option]):
            return False
    checks = {
        "micro_batch": run.micro_batch != 1,
        "precision": recipe.mode == "fp32" and run.gpu.spec.peak_flops_per_s("bf16") is not None,
        "attention": recipe.attention != "flash"
        and best_attention(run.gpu.spec, recipe.precision) == "flash",
        "loss": not (recipe.keep_logits and value == "fused"),
        "keep_logits": recipe.keep_logits,
        "optimizer_impl": recipe.optimizer == "adamw" and recipe.optimizer_impl != "fused",
        "checkpointing": value == "full" or recipe.attention in {"math", "eager"},
        "recipe": recipe.mode != "fp32"
        and recipe.recipe not in {value, "pure"}
        and not recipe.method.has_adapters,
        "offload": recipe.offload != value
        and not (value == "optimizer" and _keeps_no_state(recipe)),
        "optimizer": recipe.optimizer == "adamw",
        "method": _adaptable(model) and recipe.mode != "fp32",
    }
    return checks[change.option]


def _keeps_no_state(recipe: Recipe) -> bool:
    return recipe.optimizer == "sgd" and recipe.recipe != "master"


def _adaptable(model: ModelSpec) -> bool:
    wide_enough = min(model.width, model.kv_width) >= Method().lora_rank
    return wide_enough and model.experts is None and model.attention.latent is None


def _applied(run: TrainingRun, change: Change) -> TrainingRun:
    """The run with one change made."""
    if change.option == "micro_batch":
        assert run.seq_len is not None
        return run.resized(micro_batch=change.value, seq_len=run.seq_len)
    recipe = run.recipe
    if change.option == "method":
        had = recipe.method if recipe.method.has_adapters else Method()
        recipe = recipe._replace(method=had._replace(kind=change.value), recipe="pure")
        return run._replace(recipe=recipe)
    if change.option == "precision":
        recipe = recipe._replace(precision=change.value)
        if not run.asked("recipe"):
            kind = default_storage(change.value, run.stack, recipe.method)
            recipe = recipe._replace(recipe=kind)
        if not run.asked("attention"):
            best = best_attention(run.gpu.spec, change.value)
            fixed = None if run.how is None else run.how.stack.attention
            recipe = recipe._replace(attention=fixed or best)
        return run._replace(recipe=recipe)
    recipe = _consistent(recipe._replace(**{change.option: change.value}))
    how = run.how
    if change.option == "loss" and how is not None:
        how = _with_loss(how, change.value)
    return run._replace(recipe=recipe, how=how)


def _consistent(recipe: Recipe) -> Recipe:
    """Only AdamW has several implementations; others take none of its options."""
    if recipe.optimizer == "adamw8bit":
        return recipe._replace(optimizer_impl="fused")
    return recipe


def _with_loss(how: Implementation, loss: str) -> Implementation:
    return how._replace(loss=how.parts.losses[loss])
