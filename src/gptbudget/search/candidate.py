"""A candidate of a search: chosen options, the run they give, and its time, memory and cost."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from gptbudget.core.arrays import about
from gptbudget.run.complete import complete_model_run
from gptbudget.run.layout import default_zero
from gptbudget.run.machine import node_of
from gptbudget.run.run import ModelRun, NamedGpu, NamedModel, Origin, RunContext, Setting
from gptbudget.search.evaluate import Evaluated, LayoutGrid
from gptbudget.search.variants import Variant
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.layout import Layout
from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS
from gptbudget.specs.options import HOST_OPTIONS, Options
from gptbudget.specs.values import Minimize
from gptbudget.units import DAY_S, YEAR_S

Rank: TypeAlias = tuple[int, float, float]
"""Sort key: quality cost, objective, time."""


class SearchSpec(NamedTuple):
    """The search problem: fixed options, objective and limits."""

    options: Options
    """Those of the user, without a number of GPUs."""
    origins: Mapping[str, Origin]
    work: NamedModel
    evidence: Evidence
    counts: tuple[int, ...]
    context: RunContext = RunContext()
    minimize: Minimize = "time"
    max_wall_clock_s: float | None = None
    max_usd: float | None = None

    def setting(self, gpu: NamedGpu) -> Setting:
        """What the runs on one accelerator are completed from."""
        return Setting(self.options, gpu, self.evidence, self.context, self.origins)


class Candidate(NamedTuple):
    """One way to train: options over those of the user, and what comes of it."""

    gpu: NamedGpu
    variant: Variant
    choices: Mapping[str, Any]
    """Everything that the search chose, by option."""
    sums_in_16_bit: bool
    """It adds gradients of several micro-batches in 16 bit, and the user did not ask for that."""
    wall_clock_s: float
    peak_bytes: int
    host_bytes: int
    usd: float | None
    energy_kwh: float | None

    @property
    def quality_cost(self) -> int:
        """How much quality it costs; 0 where none."""
        return max(self.variant.quality_cost, int(self.sums_in_16_bit))

    @property
    def gpus(self) -> int:
        """How many GPUs."""
        return int(self.choices["gpus"])

    def rank(self, minimize: Minimize) -> Rank:
        """What it is sorted by: quality, what is wanted, time."""
        return self.quality_cost, amount_of(self, minimize), about(self.wall_clock_s)


_AMOUNTS: dict[Minimize, str] = {
    "time": "wall_clock_s",
    "memory": "peak_bytes",
    "gpus": "gpus",
    "cost": "usd",
    "energy": "energy_kwh",
}
_COUNTED = frozenset({"memory", "gpus"})
"""Objectives that are whole numbers and compared exactly; others are compared after rounding."""


def amount_of(each: Candidate | Evaluated, minimize: Minimize) -> Any:
    """What the search makes small, of one candidate or of all of a program, as it is compared."""
    amount = getattr(each, _AMOUNTS[minimize])
    return amount if minimize in _COUNTED else about(amount)


def choices_of(variant: Variant, laid: LayoutGrid, position: int) -> dict[str, Any]:
    """Everything that a candidate chooses, by option."""
    chosen = {**variant.options, **laid.one(position)}
    if laid.kind.zero is not None:
        chosen["zero"] = laid.kind.zero
        chosen["sequence_parallel"] = laid.kind.sequence_parallel
    return chosen


def complete(
    space: SearchSpec, gpu: NamedGpu, choices: Mapping[str, Any], wall_clock_s: float = 0.0
) -> ModelRun:
    """Return the complete run of a candidate; choices equal to the default are left out.

    Its horizon is long enough for ``wall_clock_s``, unless one was given.
    """
    options = space.options
    degrees = Layout(tp=choices.get("tp", 1), pp=choices.get("pp", 1), dp=choices["gpus"])
    stack = space.evidence.stacks.named(options.stack, "node")
    defaults = {**PLAIN, "zero": default_zero(degrees, stack)}
    given = {name: value for name, value in choices.items() if value != defaults.get(name, 1)}
    dropped = _without_effect(options, gpu, choices)
    if options.time is None and wall_clock_s > YEAR_S:
        given["time"] = math.ceil(wall_clock_s / DAY_S) * float(DAY_S)
    chosen = options.changed(**given, **dict.fromkeys(dropped))
    origins = {name: origin for name, origin in space.origins.items() if name not in dropped}
    origins |= dict.fromkeys(given, "given")
    setting = Setting(chosen, gpu, space.evidence, space.context, origins)
    return complete_model_run(setting, space.work)


PLAIN: dict[str, Any] = {
    "method": "full",
    "recipe": None,
    "optimizer": DEFAULT_OPTIMIZER,
    "offload": "none",
    "checkpointing": "none",
    "loss": "plain",
    "micro_batch": 1,
    "sequence_parallel": False,
}
"""What each choice is in a plain run; degrees of a layout are 1."""


def _without_effect(options: Options, gpu: NamedGpu, choices: Mapping[str, Any]) -> list[str]:
    """Names of given options that have no effect on this candidate."""
    offload = options.offload or choices.get("offload", "none")
    on_host = offload != "none" or OPTIMIZERS[options.optimizer or DEFAULT_OPTIMIZER].paged
    dropped = [] if on_host else [name for name in HOST_OPTIONS if name in options.given]
    count, per_node = choices["gpus"], options.gpus_per_node
    if per_node is not None and count == 1:
        dropped.append("gpus_per_node")
    if options.network is not None and count <= node_of(gpu.spec, per_node):
        dropped.append("network")
    return dropped
