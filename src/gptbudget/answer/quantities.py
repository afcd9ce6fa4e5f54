"""An estimate in words: label, value and where the value comes from, section by section."""

from collections.abc import Iterator
from typing import NamedTuple

from gptbudget.answer.prices import spread_in_words, spread_of
from gptbudget.answer.stage import worst_rank
from gptbudget.run.estimate import Estimate, Time
from gptbudget.run.run import ComputeRun, ModelRun, Run
from gptbudget.specs.options import ASSUMED_OPTIONS
from gptbudget.units import (
    format_bytes,
    format_count,
    format_duration,
    format_flops,
    format_number,
    format_percent,
    format_price,
    format_usd,
)


class Row(NamedTuple):
    """One line of the answer."""

    label: str
    value: str
    basis: str = ""
    """What the value rests on: an origin, a formula, an assumption."""
    share: float | None = None
    """What the value is of its whole, to be drawn; ``None`` where it is no part of one."""


class Section(NamedTuple):
    """One section of the answer."""

    title: str
    rows: tuple[Row, ...]


def sections(estimate: Estimate) -> list[Section]:
    """The sections of one answer, without those that have nothing to say."""
    found = (
        Section("compute", tuple(_compute(estimate))),
        Section("memory on one GPU", tuple(_memory(estimate))),
        Section("time", (*_time(estimate), *_seconds(estimate))),
        Section("cost", tuple(_cost(estimate))),
        Section("assumed", tuple(assumed(estimate))),
    )
    return [section for section in found if section.rows]


def _compute(estimate: Estimate) -> Iterator[Row]:
    compute, run = estimate.compute, estimate.run
    if compute.available_flops is not None:
        horizon = format_duration(run.horizon_s)
        yield Row(
            "available",
            format_flops(compute.available_flops),
            f"in {horizon}{tag(estimate, 'time')}, counted as {_headline(estimate)}",
        )
    if compute.required_flops_6nd is None:
        yield Row("required", format_flops(compute.required_flops), "as given")
    else:
        yield Row("required, 6ND", format_flops(compute.required_flops_6nd), _six_nd(estimate))
    if compute.required_flops_exact is not None and compute.required_flops_6nd is not None:
        more = compute.required_flops_exact / compute.required_flops_6nd - 1
        yield Row(
            "required, exact",
            format_flops(compute.required_flops_exact),
            f"every matrix product, {more:+.1%} from 6ND",
        )
    if compute.required_flops_causal is not None:
        yield Row(
            "required, causal",
            format_flops(compute.required_flops_causal),
            "half the attention square",
        )
    if compute.ratio is not None:
        basis = f"available / required, {_headline(estimate)}"
        yield Row("ratio", format_number(compute.ratio, 4), basis)


def _headline(estimate: Estimate) -> str:
    """How the FLOPs of the headline are counted."""
    if estimate.compute.required_flops_6nd is None:
        return "given"
    return "exact" if estimate.run.convention == "exact" else "6ND"


def _six_nd(estimate: Estimate) -> str:
    run = estimate.run
    tokens = f"{format_count(run.tokens or 0)} tokens{tag(estimate, 'tokens')}"
    if isinstance(run, ComputeRun) or estimate.parameters is None:
        return f"6 x {format_count(getattr(run.work, 'parameters', 0))} x {tokens}"
    method = run.recipe.method
    if method.kind == "full":
        return f"6 x {format_count(estimate.parameters.active)} x {tokens}"
    frozen = 4 if method.has_adapters else 2
    return f"6 per trained and {frozen} per frozen parameter x {tokens}"


def _memory(estimate: Estimate) -> Iterator[Row]:
    memory, run = estimate.memory, estimate.run
    if memory is None:
        yield Row("needed", "unknown", "see notes")
        return
    yield Row(
        "needed", format_bytes(memory.peak_bytes), f"at the peak: {memory.phase.replace('_', ' ')}"
    )
    rank = worst_rank(estimate)
    if rank is not None:
        yield Row("on which GPU", rank)
    usable = "unknown" if memory.usable_bytes is None else format_bytes(memory.usable_bytes)
    reported = "as CUDA reports it" if run.gpu.spec.memory_reported_gib else "nominal"
    origin = run.origins.get("gpu_memory", "default")
    said = {"driver": "of this machine, by its driver", "catalog": reported, "default": reported}
    yield Row("usable", usable, said.get(origin, "as given"))
    if memory.host_bytes:
        has = memory.host_memory_bytes
        of = "unlimited (default)" if has is None else format_bytes(has)
        yield Row("on the host", format_bytes(memory.host_bytes), f"of {of}")
    fits = {True: "yes", False: "no", None: "unknown"}[memory.fits]
    yield Row("fits", fits)
    whole = "bill" if memory.usable_bytes is None else "card"
    for name, amount in memory.parts.items():
        share = amount / (memory.usable_bytes or memory.peak_bytes)
        basis = f"{format_percent(share)} of the {whole}"
        yield Row(f"  {name.replace('_', ' ')}", format_bytes(amount), basis, share)


def _time(estimate: Estimate) -> Iterator[Row]:
    time, run = estimate.time, estimate.run
    if time is None:
        yield Row("wall clock", "unknown", "give --utilization")
        return
    yield Row("wall clock", format_duration(time.wall_clock_s), _assumption(run, time))
    if time.low_s is not None and time.high_s is not None:
        yield Row(
            "likely range", f"{format_duration(time.low_s)} to {format_duration(time.high_s)}"
        )
    if time.tokens_per_s is not None:
        yield Row("throughput", f"{format_number(time.tokens_per_s)} tokens/s")
    if time.step_s is not None and isinstance(run, ModelRun):
        batch = format_count(run.global_batch_tokens)
        basis = f"{batch} tokens{tag(estimate, 'global_batch_tokens')}"
        yield Row("step", format_duration(time.step_s), basis)


def _assumption(run: Run, time: Time) -> str:
    peak = f"{format_number(run.peak_flops_per_s / 1e12, 4)} TFLOP/s {run.precision} peak"
    if run.utilization is not None:
        return f"at {format_percent(run.utilization)} of the {peak}"
    full, causal = (format_percent(share or 0) for share in (time.mfu, time.mfu_causal))
    return f"predicted: an MFU of {full} ({causal} causal) of the {peak}"


def _seconds(estimate: Estimate) -> Iterator[Row]:
    """Where the seconds of a step go, and what other software would make of them."""
    time, run = estimate.time, estimate.run
    if time is None or time.parts is None or isinstance(run, ComputeRun):
        return
    for name, seconds in time.parts.items():
        share = seconds / time.parts.total
        basis = f"{format_percent(share)} of the step"
        yield Row(f"  {name.replace('_', ' ')}", format_duration(seconds), basis, share)
    for name, other in time.by_stack.items():
        speed = f"{format_number(other.tokens_per_s or 0)} tokens/s"
        here = ", as above" if name == run.stack else ""
        yield Row(f"with {name}", speed, f"{format_duration(other.wall_clock_s)}{here}")


def _cost(estimate: Estimate) -> Iterator[Row]:
    cost, run = estimate.cost, estimate.run
    if cost is None:
        return
    yield Row("GPU-hours", format_number(cost.gpu_hours, 4))
    if cost.usd is not None and run.cost.price_usd_per_hour is not None and not run.cost.own:
        yield Row(
            "rent",
            format_usd(cost.usd),
            f"at {format_price(run.cost.price_usd_per_hour)} per GPU-hour{tag(estimate, 'price')}",
        )
    if run.origins.get("price") != "given" and not run.cost.own:
        for kind, label in (("on-demand", "elsewhere"), ("spot", "spot")):
            spread = spread_of(estimate, kind)
            if spread is not None:
                yield Row(label, *spread_in_words(cost.gpu_hours, spread))
    bought = run.gpu.spec.price
    if bought is not None and run.gpu.spec.segment in _AT_HOME:
        each = f"{run.gpus} x " if run.gpus > 1 else ""
        basis = f"{each}{format_usd(bought.usd)}, {bought.kind} of {bought.date}"
        yield Row("purchase", format_usd(run.gpus * bought.usd), basis)
    if cost.energy_kwh is not None and run.cost.power_w is not None:
        yield Row(
            "energy",
            f"{format_number(cost.energy_kwh)} kWh",
            f"at {format_number(run.cost.power_w)} W, PUE {run.cost.pue}{tag(estimate, 'pue')}",
        )
    if cost.electricity_usd is not None and run.cost.kwh_price_usd is not None:
        yield Row(
            "electricity",
            format_usd(cost.electricity_usd),
            f"at {format_price(run.cost.kwh_price_usd)} per kWh",
        )
    if cost.co2_kg is not None:
        yield Row("CO2", f"{format_number(cost.co2_kg)} kg", f"at {run.cost.grid_g_per_kwh} g/kWh")


_AT_HOME = ("consumer", "laptop", "workstation")
"""Cards that one buys."""


def assumed(estimate: Estimate) -> Iterator[Row]:
    """The options that shape the answer, each with its origin."""
    if isinstance(estimate.run, ComputeRun):
        return
    for name in ASSUMED_OPTIONS:
        if name in estimate.run.values:
            value = estimate.run.values[name]
            shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            yield Row(name.replace("_", "-"), shown, estimate.run.origins[name])


def tag(estimate: Estimate, name: str) -> str:
    """Mark what the user did not say."""
    origin = estimate.run.origins.get(name)
    return f" ({origin})" if origin in {"default", "catalog", "driver"} else ""
