"""Estimate a complete run: FLOPs, memory, time and cost."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from gptbudget.core import cost as cost_formulas
from gptbudget.core.arrays import Bytes, about, real
from gptbudget.core.cost import delivered_flops_per_s, wall_clock_s
from gptbudget.core.flops import six_n_of_method, train_flops_per_token, train_flops_per_token_6n
from gptbudget.core.memory.overhead import overhead_parts
from gptbudget.core.memory.timeline import MemoryByPhase
from gptbudget.core.parameters import ParameterCount, count_parameters
from gptbudget.core.parts import Parts
from gptbudget.core.step import TrainingStep
from gptbudget.core.time.step import step_time
from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_run
from gptbudget.run.question import Question, look_up
from gptbudget.run.run import (
    BareSize,
    ComputeRun,
    CostAssumptions,
    FlopsAmount,
    ModelRun,
    Prediction,
    Run,
)
from gptbudget.run.step_memory import step_memory
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.values import Figure

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile


class Compute(NamedTuple):
    """FLOPs of the whole run; ``None`` for conventions that need a model architecture."""

    required_flops: float
    required_flops_6nd: float | None = None
    required_flops_exact: float | None = None
    required_flops_causal: float | None = None
    available_flops: float | None = None
    """FLOPs available within the horizon, in the convention of ``required_flops``."""

    @property
    def ratio(self) -> float | None:
        """Available over required."""
        return None if self.available_flops is None else self.available_flops / self.required_flops


class Memory(NamedTuple):
    """Memory of one GPU: its peak by part, and every other phase of a step."""

    by_phase: MemoryByPhase
    overhead: Parts[Any]
    usable_bytes: int | None
    host_memory_bytes: int | None
    accumulated_bytes: int | None
    """The whole bill when gradients are accumulated to the step's tokens, where that is more;
    ``None`` where the bill has it already or does not fit itself."""

    @property
    def parts(self) -> Parts[Any]:
        """Everything at the peak, in bytes."""
        at_peak = self.by_phase.phases[self.phase].amounts
        return Parts({**at_peak, **self.overhead.amounts}).present()

    @property
    def phase(self) -> Any:
        """The phase of the step that needs most."""
        return self.by_phase.peak_phase

    @property
    def peak_bytes(self) -> Bytes:
        """The whole bill, in bytes."""
        return self.parts.total

    @property
    def needed_bytes(self) -> Bytes:
        """The peak, with gradients accumulated if a step has several micro-batches."""
        return max(self.peak_bytes, self.accumulated_bytes or 0)

    @property
    def reserved_bytes(self) -> Bytes:
        """Memory reserved by PyTorch's allocator at the peak (``torch.cuda.max_memory_reserved``).

        More than the tensors need: cached blocks are released only when memory runs out.
        """
        outside = sum(self.overhead.get(part, 0) for part in ("driver_context", "collectives"))
        return self.peak_bytes - outside + self.by_phase.cached

    def figure(self, kind: Figure) -> Bytes:
        """The predicted peak as a measurement of this kind would show it, in bytes."""
        tensors = self.by_phase.peak_bytes + self.overhead.get("workspaces", 0)
        on_card = self.peak_bytes + self.by_phase.cached
        return {"allocated": tensors, "reserved": self.reserved_bytes, "card": on_card}[kind]

    @property
    def fits(self) -> bool | None:
        """Whether the bill is within the usable memory; ``None`` when that is unknown.

        If a host memory limit was given, the offloaded bytes must fit it too.
        """
        if self.host_memory_bytes is not None and self.host_bytes > self.host_memory_bytes:
            return False
        return None if self.usable_bytes is None else self.peak_bytes <= self.usable_bytes

    @property
    def fits_accumulated(self) -> bool | None:
        """Whether it still fits when gradients are accumulated to the step's tokens."""
        if self.accumulated_bytes is None or self.usable_bytes is None:
            return self.fits
        return self.fits and self.accumulated_bytes <= self.usable_bytes

    def sums_in_16_bit(self, run: ModelRun) -> bool:
        """Whether the run adds up gradients in 16 bit.

        Nothing is said of adding them up where the bill does not even fit without, unless the
        tokens of a step were asked for.
        """
        return run.sums_in_16_bit and (run.recipe.accumulate or self.fits is not False)

    @property
    def host_bytes(self) -> Bytes:
        """What lives in host memory, in bytes."""
        return self.by_phase.host.total


class Time(NamedTuple):
    """Seconds of the run, and the utilization behind them."""

    wall_clock_s: float
    utilization: float
    """Share of the peak in the headline convention."""
    mfu: float | None
    """Share of the peak in exact, full-square model FLOPs, which a causal kernel need not compute:
    it may exceed one on long sequences."""
    mfu_causal: float | None
    """The same with half the attention square: what a causal kernel computes."""
    tokens_per_s: float | None
    step_s: float | None
    low_s: float | None = None
    high_s: float | None = None
    parts: Parts[Any] | None = None
    """Seconds of one step; ``None`` with a given utilization."""
    profile: "Profile | None" = None
    """What was logged on this card with this software."""
    profile_factor: float = 1.0
    """Factor applied to the predicted time because of the profile."""
    by_stack: "Mapping[str, Time]" = MappingProxyType({})
    """The same with other software."""
    tokens: float | None = None
    """Of the whole run; ``None`` for an amount of FLOPs."""

    @property
    def s_per_million_tokens(self) -> float | None:
        """Wall-clock seconds per million tokens, including time lost outside of steps."""
        return None if self.tokens is None else self.wall_clock_s / self.tokens * 1e6


class Cost(NamedTuple):
    """Cost of a run; values are ``None`` if the price, power or grid intensity is unknown."""

    gpu_hours: Any
    usd: Any
    """Rent; or electricity, if only ``--kwh-price`` was given."""
    energy_kwh: Any
    electricity_usd: Any
    co2_kg: Any


AnyRun = TypeVar("AnyRun", bound=Run)
AnyRun_co = TypeVar("AnyRun_co", bound=Run, covariant=True)


class AnyEstimate(NamedTuple, Generic[AnyRun_co]):
    """The answer to one run."""

    run: AnyRun_co
    parameters: ParameterCount | None
    """``None`` without a shape."""
    compute: Compute
    memory: Memory | None
    time: Time | None
    cost: Cost | None

    @property
    def fits(self) -> bool | None:
        """Whether memory suffices; ``None`` when unknown."""
        return None if self.memory is None else self.memory.fits

    @property
    def enough_compute(self) -> bool | None:
        """Whether the run ends within the horizon; ``None`` if unknown."""
        return None if self.time is None else self.time.wall_clock_s <= self.run.horizon_s

    @property
    def feasible(self) -> bool | None:
        """Memory fits, compute suffices and every requirement holds; ``None`` when unknown.

        Memory must also hold the gradients accumulated to the step's tokens. Without a model
        memory is never known, and so the whole is not.
        """
        if isinstance(self.run, ComputeRun):
            return None
        memory = None if self.memory is None else self.memory.fits_accumulated
        conditions = [memory, self.enough_compute, *self._requirements()]
        if False in conditions:
            return False
        return None if None in conditions else True

    def _requirements(self) -> list[bool | None]:
        require = self.run.setting.context.require
        wall_clock = self.time.wall_clock_s if self.time else None
        usd = self.cost.usd if self.cost else None
        checks = [
            _at_most(wall_clock, require.max_wall_clock_s),
            _at_most(usd, require.max_cost_usd),
            _at_most(require.min_ratio, self.compute.ratio) if require.min_ratio else True,
        ]
        if require.fits is not None:
            checks.append(None if self.fits is None else self.fits is require.fits)
        return checks


Estimate = AnyEstimate[Run]
ModelEstimate = AnyEstimate[ModelRun]


def _at_most(value: float | None, limit: float | None) -> bool | None:
    """Whether a value is within a limit; true without a limit, unknown without a value."""
    if limit is None:
        return True
    return None if value is None else value <= limit


def estimate(run: AnyRun) -> AnyEstimate[AnyRun]:
    """Estimate one run.

    Example (the question the project began with): 40.09 TFLOP/s x 90 % x one year are
    1.138e21 FLOP against 9.0e19 for 1.5e9 parameters and 10e9 tokens: 12.6 times enough.
    """
    compute = required_compute(run)
    time = _time(run, compute)
    if time is not None:
        available = compute.required_flops * run.horizon_s / time.wall_clock_s
        compute = compute._replace(available_flops=available)
    return AnyEstimate(
        run=run,
        parameters=count_parameters(run.work.spec) if isinstance(run, ModelRun) else None,
        compute=compute,
        memory=memory_of(run) if isinstance(run, ModelRun) else None,
        time=time,
        cost=None if time is None else cost_of(run.cost, run.gpus, time.wall_clock_s),
    )


def required_compute(run: Run) -> Compute:
    """The FLOPs that the run needs; what is available is not known yet."""
    if isinstance(run, ModelRun):
        model, method = run.work.spec, run.recipe.method
        six_nd = six_n_of_method(model, method) * run.tokens
        exact = train_flops_per_token(model, run.seq_len, "full", method).total * run.tokens
        causal = train_flops_per_token(model, run.seq_len, "causal", method).total * run.tokens
        return Compute(exact if run.convention == "exact" else six_nd, six_nd, exact, causal)
    if isinstance(run.work, FlopsAmount):
        return Compute(run.work.flops)
    assert run.tokens is not None
    six_nd = train_flops_per_token_6n(run.work.parameters) * run.tokens
    return Compute(six_nd, six_nd)


def _time(run: Run, compute: Compute) -> Time | None:
    """Wall clock from the given utilization, else from the predicted step."""
    if run.utilization is not None:
        delivered = delivered_flops_per_s(
            run.gpus, run.peak_flops_per_s, run.utilization, run.goodput
        )
        return _time_of(run, real(wall_clock_s(compute.required_flops, delivered)), compute)
    return None if run.prediction is None else _predicted_time(run, run.prediction, compute)


def _predicted_time(run: ModelRun, prediction: Prediction, compute: Compute) -> Time:
    """Wall clock from the predicted step, here and with other software."""
    factor, likely = run.time_factor(), prediction.time_range
    parts = step_parts(run.step, prediction).scaled(factor)
    wall = _wall_of(run, parts)
    others = {
        name: _wall_of(run, step_parts(run.step.with_stack(stack), prediction))
        * run.time_factor(name)
        for name, stack in prediction.other_stacks.items()
    }
    return _time_of(run, wall, compute)._replace(
        low_s=wall * likely.low,
        high_s=wall * likely.high,
        parts=parts,
        profile=prediction.profiles.get(run.stack),
        profile_factor=factor,
        by_stack={name: _time_of(run, each, compute) for name, each in others.items()},
    )


def step_parts(step: TrainingStep, prediction: Prediction) -> Parts[Any]:
    """Seconds of one step by part."""
    return step_time(step, prediction.machine.rates).present()


def _wall_of(run: ModelRun, parts: Parts[Any]) -> float:
    """Wall-clock seconds of the whole run: all predicted steps, divided by goodput."""
    return real(run.tokens / run.step_tokens * parts.total / run.goodput)


def _time_of(run: Run, wall: float, compute: Compute) -> Time:
    peak_flops = run.gpus * run.peak_flops_per_s * wall * run.goodput
    tokens_per_s = None if run.tokens is None else run.tokens / (wall * run.goodput)
    batch = run.global_batch_tokens if isinstance(run, ModelRun) else None
    exact, causal = compute.required_flops_exact, compute.required_flops_causal
    return Time(
        wall_clock_s=wall,
        utilization=compute.required_flops / peak_flops,
        mfu=None if exact is None else exact / peak_flops,
        mfu_causal=None if causal is None else causal / peak_flops,
        tokens_per_s=tokens_per_s,
        step_s=None if batch is None or tokens_per_s is None else batch / tokens_per_s,
        tokens=run.tokens,
    )


def memory_of(run: ModelRun, stage: int | None = None) -> Memory | None:
    """Return the memory of the GPU that needs most, or of a GPU on pipeline stage ``stage``.

    ``None`` where it is not modelled (see the notes of the answer).
    """
    if run.recipe.precision in {"fp8", "fp4"}:
        return None
    by_phase = _phases(run, run.recipe, stage)
    if by_phase is None:
        return None
    capability = run.gpu.spec.compute_capability
    overhead = overhead_parts(by_phase.peak_bytes, capability, run.layout)
    memory = Memory(by_phase, overhead, run.usable_bytes, run.host_memory_bytes, None)
    if memory.fits is False or run.recipe.accumulate or not run.accumulates:
        return memory
    longer = _phases(run, run.recipe._replace(accumulate=True), stage)
    assert longer is not None
    peak = longer.peak_bytes
    accumulated = peak + overhead_parts(peak, capability, run.layout).total
    more = accumulated > memory.peak_bytes
    return memory._replace(accumulated_bytes=accumulated) if more else memory


def _phases(run: ModelRun, recipe: Recipe, stage: int | None) -> MemoryByPhase | None:
    by_phase = step_memory(run.step._replace(recipe=recipe), stage)
    return by_phase and by_phase._replace(host=by_phase.host.scaled(run.gpus_on_host))


def fits(run: ModelRun) -> bool:
    """Whether it is known to fit, with its gradients accumulated."""
    memory = memory_of(run)
    return memory is not None and bool(memory.fits_accumulated)


def cost_of(assumed: CostAssumptions, gpus: Any, wall_clock_s: Any) -> Cost:
    """Rent when a price per hour is known, energy when a power is."""
    hours = cost_formulas.gpu_hours(gpus, wall_clock_s)
    energy = electricity = co2 = rent = None
    if assumed.power_w is not None:
        energy = cost_formulas.energy_kwh(hours, assumed.power_w, assumed.pue)
        if assumed.kwh_price_usd is not None:
            electricity = energy * assumed.kwh_price_usd
        if assumed.grid_g_per_kwh is not None:
            co2 = cost_formulas.co2_kg(energy, assumed.grid_g_per_kwh)
    if assumed.price_usd_per_hour is not None:
        rent = cost_formulas.rent_usd(hours, assumed.price_usd_per_hour)
    usd = electricity if assumed.own else rent
    return Cost(hours, usd, energy, electricity, co2)


def best_first(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Sort: feasible, then unknown, then infeasible; within each group the fastest first."""

    def rank(estimate: Estimate) -> tuple[int, float]:
        order = {True: 0, None: 1, False: 2}[estimate.feasible]
        return order, about(estimate.time.wall_clock_s) if estimate.time else float("inf")

    return sorted(estimates, key=rank)


def unknown_memory(estimate: Estimate) -> str | None:
    """The reason why there is no memory bill, or ``None`` when there is one."""
    run = estimate.run
    if estimate.memory is not None:
        return None
    if isinstance(run, ComputeRun):
        bare = isinstance(run.work, BareSize)
        return f"{'a bare size' if bare else 'an amount of FLOPs'} has no shape"
    precision, attention = run.recipe.precision, run.recipe.attention
    if precision in {"fp8", "fp4"}:
        return f"{precision} training memory is not modelled yet"
    return f"{attention} attention in {precision} was not measured"


class Bill(NamedTuple):
    """A run whose memory is known."""

    estimate: Estimate
    run: ModelRun
    memory: Memory


class Comparison(NamedTuple):
    """One estimate per pair of accelerator and work, and messages about accelerators left out."""

    estimates: list[Estimate]
    skipped: list[str]


def compare(question: Question, catalogs: Iterable[Path] = ()) -> Comparison:
    """Estimate every pair of the accelerators and models asked for.

    Raises:
        GptBudgetError: a name is unknown, or a combination cannot be.
    """
    pairs = product(*look_up(question, catalogs))
    estimates, skipped = question.of_each(
        lambda pair: estimate(complete_run(*pair)), pairs, "no accelerator can run this"
    )
    return Comparison(best_first(estimates), skipped)


def one_bill(question: Question, catalogs: Iterable[Path] = ()) -> Bill:
    """The memory bill of one pair.

    Raises:
        UsageError: several pairs, no shape, or a recipe whose memory is not known.
    """
    if question.lacks_a_shape:
        raise UsageError("memory needs a model with a shape", "name a model of the catalog")
    estimate = one_estimate(question, catalogs, "memory answers")
    run, memory = estimate.run, estimate.memory
    if memory is None or not isinstance(run, ModelRun):
        reason = unknown_memory(estimate)
        raise UsageError(f"memory is not known: {reason}", "ask for something else")
    return Bill(estimate, run, memory)


def one_estimate(question: Question, catalogs: Iterable[Path], command: str) -> Estimate:
    """The estimate of one pair.

    Raises:
        UsageError: several pairs, which ``command`` does not take.
    """
    estimates = compare(question, catalogs).estimates
    if len(estimates) != 1:
        raise UsageError(f"{command} one pair, not {len(estimates)}", "name one gpu, one model")
    return estimates[0]
