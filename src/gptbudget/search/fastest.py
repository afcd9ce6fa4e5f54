"""Find the fastest way to train one model on one accelerator type without losing quality."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, Generic, NamedTuple

from gptbudget.core.arrays import about
from gptbudget.core.memory.placement import ENDS_AS_LAYERS
from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_model_run
from gptbudget.run.estimate import AnyEstimate, AnyRun, AnyRun_co, Time, estimate, fits, step_parts
from gptbudget.run.machine import node_of
from gptbudget.run.run import ModelRun, NamedModel, Run, Setting

Changes = Mapping[str, Any]

_RECIPES: dict[str, tuple[Any, ...]] = {
    "recipe": (None, "master"),
    "checkpointing": (None, "full"),
    "loss": (None, "fused"),
}
"""Values tried for each option that is not fixed; ``None`` is its default."""

_OFFLOADS = ("optimizer", "all")
_MICRO_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_TENSOR, _STAGES = (1, 2, 4, 8), (1, 2, 4, 8, 16)
_LAYOUT = ("dp", "tp", "pp", "vp", "cp", "zero", "sequence_parallel", "dp_shard")


class NoTimeError(UsageError):
    """The time of a run cannot be predicted, so it cannot be compared with others."""


class AnyWay(NamedTuple, Generic[AnyRun_co]):
    """A run that takes a known time, and what was changed to make it fit or run faster."""

    estimate: AnyEstimate[AnyRun_co]
    time: Time
    changes: Changes

    @property
    def run(self) -> AnyRun_co:
        """The complete run."""
        return self.estimate.run

    @property
    def usd(self) -> float | None:
        """What it costs; ``None`` where no price is known."""
        return self.estimate.cost.usd if self.estimate.cost else None


Way = AnyWay[Run]
ModelWay = AnyWay[ModelRun]


def best_way(
    setting: Setting, model: NamedModel, changes: Changes, *, offload: bool | None = None
) -> ModelWay | None:
    """The fastest lossless way that fits; summing gradients in 16 bit does not count as lossless.

    ``offload`` says whether to move things to the host: only where nothing else fits when it is
    ``None``.
    """
    if offload is not True:
        on_card = _fastest(setting, model, changes, (None,))
        if on_card is not None or offload is False or setting.fixed("offload"):
            return on_card
    return _fastest(setting, model, changes, _OFFLOADS)


def _fastest(
    setting: Setting, model: NamedModel, changes: Changes, offloads: tuple[str | None, ...]
) -> ModelWay | None:
    """The fastest of all; memory is computed only for runs that would be the fastest so far."""
    best: tuple[ModelRun, Changes] | None = None
    fastest = float("inf")
    for combination in _combinations(setting, model, offloads):
        too_large = float("inf")
        for seconds, size, run, given in _by_speed(setting, model, {**changes, **combination}):
            if seconds >= fastest:
                break
            if size >= too_large:
                continue
            if fits(run):
                best, fastest = (run, given), seconds
                break
            too_large = size
    return None if best is None else way_of(*best)


def _by_speed(
    setting: Setting, model: NamedModel, changes: Changes
) -> list[tuple[float, int, ModelRun, Changes]]:
    """Return the run with every micro-batch, fastest first, of equally fast ones the smaller.

    A recipe that was not asked for may not add gradients in 16 bit.
    """
    sizes = (None,) if setting.fixed("micro_batch") else _MICRO_BATCHES
    runs: list[tuple[float, int, ModelRun, Changes]] = []
    for size in sizes:
        given = changes if size in {None, 1} else {**changes, "micro_batch": size}
        try:
            run = complete_model_run(setting.changed(given), model)
        except UsageError:
            break
        if not ("recipe" in changes and run.sums_in_16_bit):
            runs.append((_seconds_per_token(run), size or 1, run, given))
        if run.micro_batches == 1:
            break
    return sorted(runs, key=lambda each: each[:2])


def _seconds_per_token(run: ModelRun) -> float:
    """Seconds of a token in a step, as they are compared; nothing with a given utilization."""
    prediction = run.prediction
    if prediction is None:
        return 0.0
    seconds = step_parts(run.step, prediction).total / run.step_tokens
    return float(about(seconds * run.time_factor()))


def knows_memory(way: Way) -> bool:
    """Whether it can be said if the run fits."""
    memory = way.estimate.memory
    return memory is not None and memory.usable_bytes is not None


def way_of(run: AnyRun, changes: Changes) -> AnyWay[AnyRun]:
    """Estimate a run, whether it fits or not, and remember what was changed for it.

    Raises:
        NoTimeError: its time is unknown.
    """
    if isinstance(run, ModelRun) and run.prediction is not None:
        run = replace(run, prediction=run.prediction._replace(other_stacks={}))
    estimated = estimate(run)
    if estimated.time is None:
        raise NoTimeError(f"no time can be predicted for {run.gpu.key}", "give --utilization")
    return AnyWay(estimated, estimated.time, changes)


def _combinations(
    setting: Setting, model: NamedModel, offloads: tuple[str | None, ...]
) -> Iterator[Changes]:
    """Every choice of the options that the user left open."""
    recipes = {**_RECIPES, "offload": offloads}
    open_choices = {name: each for name, each in recipes.items() if not setting.fixed(name)}
    for layout in _layouts(setting, model):
        # Megatron, which cuts layers and matrices, has masters anyway.
        tried = {**open_choices, **({"recipe": (None,)} if layout else {})}
        for values in product(*tried.values()):
            chosen = zip(tried, values, strict=True)
            yield {**{name: value for name, value in chosen if value is not None}, **layout}


def node_size(setting: Setting) -> int:
    """GPUs that reach each other without the network."""
    return node_of(setting.gpu.spec, setting.options.gpus_per_node)


def _layouts(setting: Setting, model: NamedModel) -> Iterator[Changes]:
    """FSDP, and beyond one node tensor and pipeline parallelism as Megatron has them."""
    yield {}
    gpus, node = setting.options.gpus or 1, node_size(setting)
    if gpus <= node or any(map(setting.fixed, _LAYOUT)):
        return
    for tensor, stages in product(_TENSOR, _STAGES):
        ways = tensor * stages
        layers = model.spec.layers
        even = layers % stages == 0 or (layers + ENDS_AS_LAYERS) % stages == 0
        if ways == 1 or gpus % ways or tensor > node or not even:
            continue
        cut = {"tp": tensor, "sequence_parallel": True} if tensor > 1 else {}
        yield {**cut, **({"pp": stages} if stages > 1 else {})}
