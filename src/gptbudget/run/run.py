"""A complete question: every value an estimate needs, and where each came from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gptbudget.core.arrays import real
from gptbudget.core.memory.states import accumulates, gradients_are_narrow
from gptbudget.core.step import Implementation, TrainingStep
from gptbudget.run.machine import AssumedMachine
from gptbudget.specs.evidence import TimeRange
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import HOST_OPTIONS, STEP_OPTIONS, Options
from gptbudget.specs.recipe import Precision, Recipe
from gptbudget.specs.stack import Stack
from gptbudget.specs.values import Convention, StackName

if TYPE_CHECKING:
    from gptbudget.specs.evidence import Evidence
    from gptbudget.specs.profile import Profile

Origin = Literal["given", "scenario", "driver", "catalog", "default"]
"""Where a value comes from; ``driver`` is the card of this machine, by ``--gpu auto``."""

TRANSFERRED = 0.7
"""Of the log ratio of measured and predicted time, to other shapes on the card with the stack.

The step time is off by a factor that is partly the machine's and the program's. Carrying 70 % of
its logarithm lowers errors of published runs most (see ``evidence.speed``)."""


class NamedGpu(NamedTuple):
    """An accelerator and its key in the catalog."""

    key: str
    spec: GpuSpec


class NamedModel(NamedTuple):
    """A model and its key in the catalog."""

    key: str
    spec: ModelSpec
    asked: str = ""
    """The name the user gave, if it is not the key: the path of a config."""


class BareSize(NamedTuple):
    """A number of parameters without a shape, such as ``1.5B``."""

    key: str
    parameters: float


class FlopsAmount(NamedTuple):
    """An amount of FLOPs given instead of model and tokens."""

    flops: float


Work = NamedModel | BareSize | FlopsAmount


class Require(NamedTuple):
    """What must hold beside fitting and finishing in time."""

    fits: bool | None = None
    max_wall_clock_s: float | None = None
    max_cost_usd: float | None = None
    min_ratio: float | None = None


class RunContext(NamedTuple):
    """Everything besides options that completing a run needs."""

    grid_g_per_kwh: float | None = None
    require: Require = Require()
    profiles: "tuple[Profile, ...]" = ()
    catalogs: tuple[Path, ...] = ()
    """Files or folders that were named beside the usual ones."""
    named: Callable[[str, Any, Origin], Any] = lambda _, value, __: value
    """Hook called with name, value and origin of each resolved option; returns the value to use.

    ``--explain`` uses it to return a traced number."""


class Setting(NamedTuple):
    """What a run is completed from beside its work: options, accelerator and reference data."""

    options: Options
    gpu: NamedGpu
    evidence: "Evidence"
    context: RunContext = RunContext()
    origins: Mapping[str, Origin] = {}
    """Where the given options came from: flag or scenario."""

    def fixed(self, option: str) -> bool:
        """Whether the user gave this option, so that it may not be changed."""
        return getattr(self.options, option) is not None

    def changed(self, changes: Mapping[str, Any]) -> "Setting":
        """The same with some options set otherwise; limits of the host only with an offload."""
        options = self.options.changed(**changes)
        if options.offload in {None, "none"}:
            options = options.changed(**dict.fromkeys(HOST_OPTIONS))
        return self._replace(options=options)


class CostAssumptions(NamedTuple):
    """Assumptions for cost, energy and CO2; ``None`` where it is not known."""

    price_usd_per_hour: float | None
    kwh_price_usd: float | None
    power_w: float | None
    pue: float
    grid_g_per_kwh: float | None
    own: bool
    """The user pays for electricity, not for rent."""


class Prediction(NamedTuple):
    """What the time of a run is predicted with."""

    machine: AssumedMachine
    time_range: TimeRange
    """How far such predictions were off."""
    profiles: "Mapping[str, Profile]"
    """What was logged on this card, by stack."""
    other_stacks: Mapping[str, Stack]
    """Other stacks the run could use, shown for comparison."""


# Nothing compares or prints a run: what is not generated for it saves a part of every start.
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RunBasis:
    """Fields common to all runs: one accelerator type, its cost, and what was asked."""

    setting: Setting
    """What it was completed from."""
    usable_bytes: int | None
    """Of one accelerator; ``None`` where its memory is not known."""
    horizon_s: float
    peak_flops_per_s: float
    convention: Convention
    goodput: float
    cost: CostAssumptions
    origins: Mapping[str, Origin]
    values: Mapping[str, Any]
    """The options as they apply to this run, by option name, for showing."""
    notes: tuple[str, ...] = ()

    @property
    def gpu(self) -> NamedGpu:
        """The accelerator."""
        return self.setting.gpu

    def asked(self, option: str) -> bool:
        """Whether the user said this option, as a flag or in a scenario."""
        return self.origins.get(option) in {"given", "scenario"}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ComputeRun(RunBasis):
    """A bare size on its tokens, or an amount of FLOPs, at a given utilization."""

    work: BareSize | FlopsAmount
    tokens: float | None
    """``None`` for an amount of FLOPs."""
    gpus: int
    precision: Precision
    utilization: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ModelRun(RunBasis):
    """A model with a shape, ready to be estimated."""

    work: NamedModel
    layout: Layout
    gpus_on_host: int
    """How many share the host's memory; counted for an offload."""
    host_memory_bytes: int | None
    """``None`` where it is not limited."""
    tokens: float
    seq_len: int
    micro_batch: int
    global_batch_tokens: int
    recipe: Recipe
    stack: StackName
    implementation: Implementation
    """What the stack keeps in memory for this kind of model."""
    utilization: float | None
    """``None`` where it was not given."""
    prediction: Prediction | None
    """``None`` with a given utilization, and on hardware without a step-time model."""

    @property
    def gpus(self) -> int:
        """Accelerators in all."""
        return self.layout.gpus

    @property
    def precision(self) -> Precision:
        """Compute precision."""
        return self.recipe.precision

    @property
    def step(self) -> TrainingStep:
        """One training step of the run."""
        return TrainingStep(
            self.work.spec,
            self.recipe,
            self.implementation,
            self.micro_batch,
            self.seq_len,
            self.layout,
            self.micro_batches,
        )

    @property
    def micro_batches(self) -> int:
        """Micro-batches that each replica runs in a step."""
        return max(
            1, self.global_batch_tokens // (self.micro_batch * self.seq_len * self.layout.dp)
        )

    @property
    def accumulates(self) -> bool:
        """Whether a step adds up gradients of several micro-batches."""
        return bool(accumulates(self.recipe, self.micro_batches))

    @property
    def sums_in_16_bit(self) -> bool:
        """Whether it adds them up in 16 bit, which rounds small ones away."""
        return self.accumulates and gradients_are_narrow(self.recipe, self.implementation.stack)

    @property
    def step_tokens(self) -> int:
        """Tokens that all accelerators train in one step."""
        return self.micro_batch * self.seq_len * self.layout.dp * self.micro_batches

    @property
    def shape(self) -> dict[str, Any]:
        """The options that its speed and memory depend on."""
        values = self.values
        return {name: values[name] for name in STEP_OPTIONS if values.get(name) is not None}

    def time_factor(self, stack: StackName | None = None) -> float:
        """The factor on predicted time, from what was logged with a stack: by default its own."""
        profile = self.prediction and self.prediction.profiles.get(stack or self.stack)
        if profile is None:
            return 1.0
        return real(profile.slower ** (1.0 if dict(profile.run) == self.shape else TRANSFERRED))

    def resized(self, *, micro_batch: int, seq_len: int) -> "ModelRun":
        """The run with another micro-batch or sequence, and whole micro-batches a step."""
        smallest = micro_batch * seq_len * self.layout.dp
        batch = max(1, round(self.global_batch_tokens / smallest)) * smallest
        accumulate = self.asked("global_batch_tokens") and batch > smallest
        return replace(
            self,
            micro_batch=micro_batch,
            seq_len=seq_len,
            global_batch_tokens=batch,
            recipe=self.recipe._replace(accumulate=accumulate),
        )


Run = ModelRun | ComputeRun
"""One accelerator type and one piece of work."""
