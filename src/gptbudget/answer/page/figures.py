"""The figures of a page: memory as bars, time as curves and ranges, model size by compute."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from gptbudget import units
from gptbudget.answer.budget import shapes
from gptbudget.answer.page.page import (
    Amount,
    Axis,
    Band,
    Bill,
    Chart,
    Curve,
    Figure,
    Mark,
    Range,
    Ranges,
    Rule,
    Stacked,
)
from gptbudget.answer.quantities import active_parameters
from gptbudget.answer.verdict import subject
from gptbudget.budget.budget import Plan
from gptbudget.budget.laws import FOLLOWED
from gptbudget.core.chinchilla import BESIROGLU, compute_optimal_parameters, predicted_loss
from gptbudget.core.cost import delivered_flops_per_s, wall_clock_s
from gptbudget.run.estimate import Estimate, Memory, Time
from gptbudget.run.run import ModelRun

# --- memory -----------------------------------------------------------------------------------


def memory_figures(estimate: Estimate) -> tuple[Stacked, ...]:
    """Memory at the peak compared with the card; also host memory, if any is used."""
    memory = estimate.memory
    if memory is None:
        return ()
    phase = memory.phase.replace("_", " ")
    card = Stacked(f"Memory at the peak: {phase}", "bytes", (_bill(memory, phase),))
    if not memory.host_bytes:
        return (card,)
    host = _limit("host", memory.host_memory_bytes)
    bill = Bill("host", _parts(memory.by_phase.host), amount("total", memory.host_bytes), host)
    return (card, Stacked("Host memory", "bytes", (bill,)))


def _memory_of_all(estimates: Sequence[Estimate]) -> tuple[Stacked, ...]:
    """One bar per model-GPU pair, scaled to the memory of its GPU."""
    bills = tuple(
        _bill(each.memory, subject(each)) for each in estimates if each.memory is not None
    )
    title = "Memory needed per GPU, relative to what the GPU has"
    return (Stacked(title, "bytes", bills, each_its_own=True),) if bills else ()


def _bill(memory: Memory, label: str) -> Bill:
    total = amount("needed", memory.peak_bytes)
    return Bill(label, _parts(memory.parts), total, _limit("usable", memory.usable_bytes))


def _parts(
    amounts: Mapping[str, float], write: Callable[[float], str] = units.format_bytes
) -> tuple[Amount, ...]:
    """Amounts by part, in words."""
    return tuple(amount(name.replace("_", " "), each, write) for name, each in amounts.items())


def amount(label: str, value: float, write: Callable[[float], str] = units.format_bytes) -> Amount:
    """Return a labelled value with its text."""
    return Amount(label, float(value), write(value))


def _limit(label: str, value: float | None) -> Amount | None:
    return None if value is None else amount(label, value)


# --- time -------------------------------------------------------------------------------------


_LOWEST = 0.02
"""Utilization at which the curve begins."""

_STEPS = 98
"""Number of intervals of the curve."""


def time_figures(estimate: Estimate) -> tuple[Chart | Stacked, ...]:
    """The wall clock at every utilization, and where the seconds of a step go."""
    return (_by_utilization(estimate), *_step(estimate))


def _by_utilization(estimate: Estimate) -> Chart:
    """The wall clock at every utilization; the prediction and its range are marked."""
    run, time = estimate.run, estimate.time
    furthest = max(1.0, 0.0 if time is None else time.utilization * 1.1)
    shares = [_LOWEST + (furthest - _LOWEST) * step / _STEPS for step in range(_STEPS + 1)]
    convention = "exact" if run.convention == "exact" else "6ND"
    return Chart(
        "Wall clock by utilization",
        Axis(f"utilization of the {run.precision} peak, {convention}", "share"),
        Axis("wall clock", "seconds", log=True),
        Curve("at each utilization", tuple((share, _wall(estimate, share)) for share in shares)),
        tuple(_marks(estimate)),
        horizontal_line=Rule(f"horizon {units.format_duration(run.horizon_s)}", run.horizon_s),
        band=_band(time),
    )


def _wall(estimate: Estimate, utilization: float) -> float:
    """Seconds of the run at a utilization in the headline's convention."""
    run = estimate.run
    delivered = delivered_flops_per_s(run.gpus, run.peak_flops_per_s, utilization, run.goodput)
    return float(wall_clock_s(estimate.compute.required_flops, delivered))


def _marks(estimate: Estimate) -> Iterator[Mark]:
    run, time = estimate.run, estimate.time
    if time is None:
        return
    word = "predicted" if run.utilization is None else "as given"
    stack = run.stack if isinstance(run, ModelRun) else ""
    yield _mark(f"{word}, {stack}" if time.by_stack else word, time, main=True)
    for name, other in time.by_stack.items():
        if name != stack:
            yield _mark(f"with {name}", other)


def _mark(label: str, time: Time, *, main: bool = False) -> Mark:
    share = units.format_percent(round(time.utilization, 3))
    text = f"{units.format_duration(time.wall_clock_s)} at {share}"
    return Mark(label, time.utilization, time.wall_clock_s, text, main)


def _band(time: Time | None) -> Band | None:
    """The utilizations at which the ends of the likely range are reached."""
    if time is None or time.low_s is None or time.high_s is None:
        return None
    low, high = (time.utilization * time.wall_clock_s / end for end in (time.high_s, time.low_s))
    text = (
        f"likely range: {units.format_duration(time.low_s)} to {units.format_duration(time.high_s)}"
    )
    return Band(text, low, high)


def _step(estimate: Estimate) -> tuple[Stacked, ...]:
    time = estimate.time
    if time is None or time.parts is None:
        return ()
    whole = amount("step", time.parts.total, units.format_duration)
    bill = Bill("step", _parts(time.parts, units.format_duration), whole)
    return (Stacked("Where a step's time goes", "seconds", (bill,)),)


def _time_of_all(estimates: Sequence[Estimate]) -> tuple[Ranges, ...]:
    """The wall clock of each pair with its likely range."""
    rows = tuple(_range(subject(each), each.time) for each in estimates if each.time is not None)
    if not rows:
        return ()
    horizons = {each.run.horizon_s for each in estimates}
    horizon = horizons.pop()
    limit = None if horizons else Rule(f"horizon {units.format_duration(horizon)}", horizon)
    return (Ranges("Wall clock", Axis("wall clock", "seconds", log=True), rows, limit),)


def _range(label: str, time: Time) -> Range:
    spread = ""
    if time.low_s is not None and time.high_s is not None:
        spread = f"({units.format_duration(time.low_s)} to {units.format_duration(time.high_s)})"
    text = units.format_duration(time.wall_clock_s)
    return Range(label, time.wall_clock_s, time.low_s, time.high_s, text, spread)


def of_all(estimates: Sequence[Estimate]) -> tuple[Figure, ...]:
    """Time and memory of several pairs."""
    return (*_time_of_all(estimates), *_memory_of_all(estimates))


# --- compute-optimal sizes --------------------------------------------------------------------


_AROUND = 100.0
"""Factor by which the curve extends below and above the marks."""

_POINTS = 60
_SIZE = Axis("parameters", "count", log=True)


def optimum_of_run(estimate: Estimate) -> tuple[Chart, ...]:
    """Return a chart of the run and the best size for its compute; for full training only."""
    compute, run = estimate.compute, estimate.run
    six_nd, size = compute.required_flops_6nd, active_parameters(estimate)
    if six_nd is None or size is None:
        return ()
    if isinstance(run, ModelRun) and run.recipe.method.kind != "full":
        return ()
    budget = None if compute.ratio is None else six_nd * compute.ratio
    text = f"{units.format_count(size)} parameters on {units.format_count(run.tokens or 0)} tokens"
    marks = [Mark(getattr(run.work, "key", ""), six_nd, size, text, main=True)]
    if budget is not None:
        marks.append(_best_at(budget))
    more = "; right of it a model is trained longer than that, left shorter"
    return (_by_budget(marks, budget, more),)


def optimum_of_plan(plan: Plan) -> tuple[Chart, ...]:
    """The best size by budget, and how little the loss depends on it."""
    flops = plan.budget.flops
    best = _best_at(flops)._replace(main=True)
    return (_by_budget([best], flops), _by_size(plan))


def _by_budget(marks: Sequence[Mark], budget: float | None, more: str = "") -> Chart:
    """The compute-optimal size around some models; ``more`` is the end of the caption."""
    budgets = [mark.x for mark in marks]
    points = tuple(
        (flops, float(compute_optimal_parameters(flops)))
        for flops in _spread(min(budgets) / _AROUND, max(budgets) * _AROUND)
    )
    return Chart(
        "Compute-optimal size",
        Axis("training compute, 6ND", "flops", log=True),
        _SIZE,
        Curve(BESIROGLU.name, points),
        tuple(marks),
        vertical_line=None if budget is None else Rule("your budget", budget),
        caption=f"On the line, model size is compute-optimal{more}.",
    )


def _by_size(plan: Plan) -> Chart:
    flops = plan.budget.flops
    marks = [
        _size_mark(law.name, law.parameters, law.replication_loss, main=law.law == FOLLOWED)
        for law in plan.laws
    ]
    others = list(shapes(plan).items())[1:]
    marks += [_size_mark(name, each.parameters, each.loss) for name, each in others]
    sizes = [mark.x for mark in marks]
    line = tuple(
        (size, float(predicted_loss(size, flops / (6 * size))))
        for size in _spread(min(sizes) / 3, max(sizes) * 3)
    )
    return Chart(
        "Loss by size, on the same compute",
        _SIZE,
        Axis("predicted loss, nats per token", "loss"),
        Curve(f"{BESIROGLU.name}, {units.format_flops(flops)}", line),
        tuple(marks),
        caption="Nats per token of the corpus that the law was fitted on. Shapes that reach fewer "
        "FLOPs on this hardware lie above the line.",
    )


def _size_mark(label: str, parameters: float, loss: float, *, main: bool = False) -> Mark:
    text = f"{units.format_count(parameters, 3)}, loss {units.format_number(loss, 4)}"
    return Mark(label, parameters, loss, text, main)


def _best_at(budget: float) -> Mark:
    size = float(compute_optimal_parameters(budget))
    tokens = budget / (6 * size)
    text = f"{units.format_count(size, 3)} parameters on {units.format_count(tokens, 3)} tokens"
    return Mark("best use of your budget", budget, size, text)


def _spread(low: float, high: float) -> Iterator[float]:
    """Values from low to high with the same ratio between neighbours."""
    ratio = math.log(high / low) / _POINTS
    return (low * math.exp(ratio * step) for step in range(_POINTS + 1))
