"""Time as figures: wall clock by utilization, the seconds of a step, one range a pair."""

from collections.abc import Iterator, Sequence

from gptbudget.answer.page.page import (
    Amount,
    Axis,
    Band,
    Bill,
    Chart,
    Curve,
    Mark,
    Range,
    Ranges,
    Rule,
    Stacked,
)
from gptbudget.answer.verdict import subject
from gptbudget.core.cost import delivered_flops_per_s, wall_clock_s
from gptbudget.run.estimate import Estimate, Time
from gptbudget.run.run import ModelRun
from gptbudget.units import format_duration, format_percent

_LOWEST = 0.02
"""Utilization at which the curve begins."""

_STEPS = 98
"""Points of the curve to a utilization of one."""


def time_figures(estimate: Estimate) -> tuple[Chart | Stacked, ...]:
    """The wall clock at every utilization, and where the seconds of a step go."""
    return (by_utilization(estimate), *_step(estimate))


def by_utilization(estimate: Estimate) -> Chart:
    """The wall clock at every utilization; the prediction and its likely range stand on it."""
    run, time = estimate.run, estimate.time
    furthest = max(1.0, 0.0 if time is None else time.utilization * 1.1)
    shares = [_LOWEST + (furthest - _LOWEST) * step / _STEPS for step in range(_STEPS + 1)]
    word = "exact" if run.convention == "exact" else "6ND"
    basis = f"of the {run.precision} peak, {word}"
    return Chart(
        "Wall clock by utilization",
        Axis(f"utilization {basis}", "share"),
        Axis("wall clock", "seconds", log=True),
        (Curve("at each utilization", tuple((share, _wall(estimate, share)) for share in shares)),),
        tuple(_marks(estimate)),
        across=Rule(f"horizon {format_duration(run.horizon_s)}", run.horizon_s),
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
    share = format_percent(round(time.utilization, 3))
    text = f"{format_duration(time.wall_clock_s)} at {share}"
    return Mark(label, time.utilization, time.wall_clock_s, text, main)


def _band(time: Time | None) -> Band | None:
    """The utilizations at which the ends of the likely range are reached."""
    if time is None or time.low_s is None or time.high_s is None:
        return None
    low, high = (time.utilization * time.wall_clock_s / end for end in (time.high_s, time.low_s))
    text = f"likely range: {format_duration(time.low_s)} to {format_duration(time.high_s)}"
    return Band(text, low, high)


def _step(estimate: Estimate) -> tuple[Stacked, ...]:
    time = estimate.time
    if time is None or time.parts is None:
        return ()
    parts = tuple(
        Amount(name.replace("_", " "), float(seconds), format_duration(seconds))
        for name, seconds in time.parts.items()
    )
    whole = float(time.parts.total)
    bill = Bill("step", parts, Amount("step", whole, format_duration(whole)))
    return (Stacked("Where a step's time goes", "seconds", (bill,)),)


def time_of_all(estimates: Sequence[Estimate]) -> tuple[Ranges, ...]:
    """The wall clock of each pair with its likely range."""
    rows = tuple(_range(subject(each), each.time) for each in estimates if each.time is not None)
    if not rows:
        return ()
    horizons = {each.run.horizon_s for each in estimates}
    horizon = horizons.pop()
    limit = None if horizons else Rule(f"horizon {format_duration(horizon)}", horizon)
    return (Ranges("Wall clock", Axis("wall clock", "seconds", log=True), rows, limit),)


def _range(label: str, time: Time) -> Range:
    spread = ""
    if time.low_s is not None and time.high_s is not None:
        spread = f"({format_duration(time.low_s)} to {format_duration(time.high_s)})"
    text = format_duration(time.wall_clock_s)
    return Range(label, time.wall_clock_s, time.low_s, time.high_s, text, spread)
