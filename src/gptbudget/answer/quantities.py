"""Every number of an answer, one row each: its place in JSON, its name, unit, basis and source.

The JSON of an answer, the table of one answer, the columns of every grid and the numbers at the top
of a page are read from here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from gptbudget.answer.document import Table
from gptbudget.answer.notes import rank_data, worst_rank
from gptbudget.answer.prices import offers_data, spread_in_words, spread_of
from gptbudget.run.estimate import Estimate
from gptbudget.run.run import BareSize, ComputeRun, ModelRun
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


class Line(NamedTuple):
    """One line of the table of one answer."""

    label: str
    value: str
    basis: str = ""
    """What the value rests on: an origin, a formula, an assumption."""
    share: float | None = None
    """What the value is of its whole, to be drawn; ``None`` where it is no part of one."""


Formats = Mapping[str, Callable[[Any], str]]

IN_FULL: Formats = {
    "": str,
    "B": format_bytes,
    "FLOP": format_flops,
    "h": partial(format_number, digits=4),
    "kWh": lambda kwh: f"{format_number(kwh)} kWh",
    "kg": lambda kg: f"{format_number(kg)} kg",
    "ratio": partial(format_number, digits=4),
    "s": format_duration,
    "share": format_percent,
    "tokens/s": lambda rate: f"{format_number(rate)} tokens/s",
    "USD": format_usd,
}
"""How a number is written in the table of one answer, by its unit."""

IN_A_GRID: Formats = {
    **IN_FULL,
    "ratio": format_number,
    "share": lambda share: format_percent(round(share, 2)),
}

ALONE: Formats = {
    **IN_FULL,
    "ratio": lambda ratio: f"{format_number(ratio)} x",
    "share": lambda share: format_percent(round(share, 3)),
    "tokens/s": partial(format_number, digits=4),
}
"""With nothing but a label beside it."""


class Quantity(NamedTuple):
    """One number of an answer, or one mapping of numbers, wherever it is shown."""

    key: str
    """Its place in the JSON of an answer, which is in the order of the rows."""
    value: Callable[[Estimate], Any]
    """``None`` where it is unknown."""
    unit: str = ""
    label: str = ""
    """What the table of one answer calls it; empty: it is not there."""
    basis: Callable[[Estimate], str] = lambda _: ""
    """What the value rests on, in words."""
    line: int = 0
    """Its place in its section of that table, where that is not the order of the rows."""
    unknown: str = ""
    """The basis of an unknown value; empty: an unknown value has no line."""
    lines: Callable[[Estimate], Iterable[Line]] | None = None
    """Its lines, where they are not one of label, value and basis."""
    column: str = ""
    """The head of its column in a grid."""
    absent: str = "?"
    """What stands in that column where there is no value."""
    fact: str = ""
    """What it is called where it stands alone, as at the top of a page; empty: as its column."""
    citation: str = ""
    """Where the way of counting it is from."""


# --- what the rows say beside a value ---------------------------------------------------------


def tag(estimate: Estimate, name: str) -> str:
    """Mark what the user did not say."""
    origin = estimate.run.origins.get(name)
    return f" ({origin})" if origin in {"default", "catalog", "driver"} else ""


def total_parameters(estimate: Estimate) -> float | None:
    """All parameters; ``None`` for a bare amount of FLOPs."""
    if estimate.parameters is not None:
        return estimate.parameters.total
    work = estimate.run.work
    return work.parameters if isinstance(work, BareSize) else None


def active_parameters(estimate: Estimate) -> float | None:
    """Those that one token passes; ``None`` for a bare amount of FLOPs."""
    counted = estimate.parameters
    return total_parameters(estimate) if counted is None else counted.active


def _counted_as(estimate: Estimate) -> str:
    """How the FLOPs of the headline are counted."""
    if estimate.compute.required_flops_6nd is None:
        return "given"
    return "exact" if estimate.run.convention == "exact" else "6ND"


def _available(estimate: Estimate) -> str:
    horizon = format_duration(estimate.run.horizon_s)
    return f"in {horizon}{tag(estimate, 'time')}, counted as {_counted_as(estimate)}"


def _required(estimate: Estimate) -> Iterator[Line]:
    if estimate.compute.required_flops_6nd is None:
        yield Line("required", format_flops(estimate.compute.required_flops), "as given")


def _six_nd(estimate: Estimate) -> str:
    run = estimate.run
    tokens = f"{format_count(run.tokens or 0)} tokens{tag(estimate, 'tokens')}"
    if isinstance(run, ComputeRun) or run.recipe.method.kind == "full":
        return f"6 x {format_count(active_parameters(estimate) or 0)} x {tokens}"
    frozen = 4 if run.recipe.method.has_adapters else 2
    return f"6 per trained and {frozen} per frozen parameter x {tokens}"


def _exact(estimate: Estimate) -> str:
    compute = estimate.compute
    if compute.required_flops_exact is None or compute.required_flops_6nd is None:
        return ""
    more = compute.required_flops_exact / compute.required_flops_6nd - 1
    return f"every matrix product, {more:+.1%} from 6ND"


def _usable(estimate: Estimate) -> Iterator[Line]:
    run = estimate.run
    if estimate.memory is None:
        return
    usable = "unknown" if run.usable_bytes is None else format_bytes(run.usable_bytes)
    reported = "as CUDA reports it" if run.gpu.spec.memory_reported_gib else "nominal"
    said = {"driver": "of this machine, by its driver", "catalog": reported, "default": reported}
    yield Line("usable", usable, said.get(run.origins.get("gpu_memory", "default"), "as given"))


def _fits(estimate: Estimate) -> Iterator[Line]:
    if estimate.memory is not None:
        yield Line("fits", {True: "yes", False: "no", None: "unknown"}[estimate.memory.fits])


def _host(estimate: Estimate) -> str:
    has = estimate.memory and estimate.memory.host_memory_bytes
    return f"of {'unlimited (default)' if has is None else format_bytes(has)}"


def _shares(
    amounts: Mapping[str, float], whole: float, of: str, write: Callable[[float], str]
) -> Iterator[Line]:
    """One line a part, with its share of the whole."""
    for name, amount in amounts.items():
        share = amount / whole
        basis = f"{format_percent(share)} of the {of}"
        yield Line(f"  {name.replace('_', ' ')}", write(amount), basis, share)


def _memory_parts(estimate: Estimate) -> Iterable[Line]:
    memory = estimate.memory
    if memory is None:
        return ()
    usable = memory.usable_bytes
    of = "bill" if usable is None else "card"
    return _shares(memory.parts, usable or memory.peak_bytes, of, format_bytes)


def _wall_clock(estimate: Estimate) -> str:
    run, time = estimate.run, estimate.time
    peak = f"{format_number(run.peak_flops_per_s / 1e12, 4)} TFLOP/s {run.precision} peak"
    if run.utilization is not None or time is None:
        return f"at {format_percent(run.utilization or 0)} of the {peak}"
    full, causal = (format_percent(share or 0) for share in (time.mfu, time.mfu_causal))
    return f"predicted: an MFU of {full} ({causal} causal) of the {peak}"


def _likely_range(estimate: Estimate) -> Iterator[Line]:
    time = estimate.time
    if time is not None and time.low_s is not None and time.high_s is not None:
        ends = f"{format_duration(time.low_s)} to {format_duration(time.high_s)}"
        yield Line("likely range", ends)


def _step(estimate: Estimate) -> str:
    run = estimate.run
    batch = run.global_batch_tokens if isinstance(run, ModelRun) else 0
    return f"{format_count(batch)} tokens{tag(estimate, 'global_batch_tokens')}"


def _time_parts(estimate: Estimate) -> Iterable[Line]:
    parts = estimate.time and estimate.time.parts
    return () if parts is None else _shares(parts, parts.total, "step", format_duration)


def _by_stack(estimate: Estimate) -> Iterator[Line]:
    run = estimate.run
    if estimate.time is None or not isinstance(run, ModelRun):
        return
    for name, other in estimate.time.by_stack.items():
        here = ", as above" if name == run.stack else ""
        speed = IN_FULL["tokens/s"](other.tokens_per_s or 0)
        yield Line(f"with {name}", speed, f"{format_duration(other.wall_clock_s)}{here}")


def _by_stack_data(estimate: Estimate) -> dict[str, dict[str, float | None]]:
    others = {} if estimate.time is None else estimate.time.by_stack
    return {
        name: {"tokens_per_s": other.tokens_per_s, "wall_clock_s": other.wall_clock_s}
        for name, other in others.items()
    }


def _profile(estimate: Estimate) -> dict[str, str | float] | None:
    """The logged step that the time was corrected by."""
    time = estimate.time
    if time is None or time.profile is None:
        return None
    logged = time.profile
    return {
        "name": logged.name,
        "made": logged.made,
        "tokens_per_s": logged.tokens_per_s,
        "predicted_tokens_per_s": logged.predicted_tokens_per_s,
        "factor": time.profile_factor,
    }


def _rent(estimate: Estimate) -> Iterator[Line]:
    cost, assumed = estimate.cost, estimate.run.cost
    if cost is not None and assumed.price_usd_per_hour is not None and not assumed.own:
        price = format_price(assumed.price_usd_per_hour)
        basis = f"at {price} per GPU-hour{tag(estimate, 'price')}"
        yield Line("rent", format_usd(cost.usd), basis)


def _elsewhere(estimate: Estimate) -> Iterator[Line]:
    cost, run = estimate.cost, estimate.run
    if cost is None or run.origins.get("price") == "given" or run.cost.own:
        return
    for kind, label in (("on-demand", "elsewhere"), ("spot", "spot")):
        spread = spread_of(estimate, kind)
        if spread is not None:
            yield Line(label, *spread_in_words(cost.gpu_hours, spread))


_AT_HOME = ("consumer", "laptop", "workstation")
"""Cards that one buys."""


def _purchase(estimate: Estimate) -> Iterator[Line]:
    run, bought = estimate.run, estimate.run.gpu.spec.price
    if estimate.cost is not None and bought is not None and run.gpu.spec.segment in _AT_HOME:
        each = f"{run.gpus} x " if run.gpus > 1 else ""
        basis = f"{each}{format_usd(bought.usd)}, {bought.kind} of {bought.date}"
        yield Line("purchase", format_usd(run.gpus * bought.usd), basis)


def _energy(estimate: Estimate) -> str:
    power, pue = estimate.run.cost.power_w, estimate.run.cost.pue
    return f"at {format_number(power or 0)} W, PUE {pue}{tag(estimate, 'pue')}"


# --- the table --------------------------------------------------------------------------------

QUANTITIES = (
    Quantity("model.parameters", total_parameters),
    Quantity("model.active_parameters", active_parameters),
    Quantity("gpus", lambda e: e.run.gpus),
    Quantity("tokens", lambda e: e.run.tokens),
    Quantity("precision", lambda e: e.run.precision),
    Quantity(
        "compute.available_flops",
        lambda e: e.compute.available_flops,
        "FLOP",
        "available",
        _available,
    ),
    Quantity("compute.required_flops", lambda e: e.compute.required_flops, "FLOP", lines=_required),
    Quantity(
        "compute.required_flops_6nd",
        lambda e: e.compute.required_flops_6nd,
        "FLOP",
        "required, 6ND",
        _six_nd,
        citation="6 a parameter and token: Kaplan et al. 2020, section 2.1, https://arxiv.org/abs/2001.08361",
    ),
    Quantity(
        "compute.required_flops_exact",
        lambda e: e.compute.required_flops_exact,
        "FLOP",
        "required, exact",
        _exact,
        citation="counted from the shape of the model; held against PyTorch's own FLOP counter",
    ),
    Quantity(
        "compute.required_flops_causal",
        lambda e: e.compute.required_flops_causal,
        "FLOP",
        "required, causal",
        lambda _: "half the attention square",
    ),
    Quantity("compute.peak_flops_per_s", lambda e: e.run.peak_flops_per_s, "FLOP"),
    Quantity(
        "compute.ratio",
        lambda e: e.compute.ratio,
        "ratio",
        "ratio",
        lambda e: f"available / required, {_counted_as(e)}",
        column="ratio",
        fact="available / required",
    ),
    Quantity(
        "memory.peak_bytes",
        lambda e: e.memory and e.memory.peak_bytes,
        "B",
        "needed",
        lambda e: f"at the peak: {e.memory.phase.replace('_', ' ')}" if e.memory else "",
        unknown="see notes",
        column="memory",
        fact="memory of one GPU",
    ),
    Quantity("memory.framework_bytes", lambda e: e.memory and e.memory.by_phase.peak_bytes, "B"),
    Quantity("memory.reserved_bytes", lambda e: e.memory and e.memory.reserved_bytes, "B"),
    Quantity("memory.accumulated_bytes", lambda e: e.memory and e.memory.accumulated_bytes, "B"),
    Quantity(
        "memory.usable_bytes",
        lambda e: e.run.usable_bytes,
        "B",
        line=2,
        lines=_usable,
        column="usable",
    ),
    Quantity("memory.fits", lambda e: e.memory and e.memory.fits, line=4, lines=_fits),
    Quantity("memory.phase", lambda e: e.memory and e.memory.phase),
    Quantity(
        "memory.parts",
        lambda e: dict(e.memory.parts) if e.memory else {},
        "B",
        line=5,
        lines=_memory_parts,
    ),
    Quantity(
        "memory.phases",
        lambda e: (
            {name: parts.total for name, parts in e.memory.by_phase.phases.items()}
            if e.memory
            else {}
        ),
        "B",
    ),
    Quantity(
        "memory.host_bytes",
        lambda e: (e.memory and e.memory.host_bytes) or None,
        "B",
        "on the host",
        _host,
        line=3,
        column="host",
        absent="",
    ),
    Quantity(
        "memory.rank",
        rank_data,
        line=1,
        lines=lambda e: [Line("on which GPU", rank)] if (rank := worst_rank(e)) else [],
    ),
    Quantity("time.step_s", lambda e: e.time and e.time.step_s, "s", "step", _step, line=4),
    Quantity(
        "time.tokens_per_s",
        lambda e: e.time and e.time.tokens_per_s,
        "tokens/s",
        "throughput",
        line=3,
        fact="tokens/s",
    ),
    Quantity(
        "time.s_per_million_tokens",
        lambda e: e.time and e.time.s_per_million_tokens,
        "s",
        "a million tokens",
        lambda _: "of wall clock",
        line=3,
    ),
    Quantity("time.mfu", lambda e: e.time and e.time.mfu, "share", column="MFU"),
    Quantity("time.mfu_causal", lambda e: e.time and e.time.mfu_causal, "share"),
    Quantity("time.utilization", lambda e: e.time and e.time.utilization, "share"),
    Quantity(
        "time.wall_clock_s",
        lambda e: e.time and e.time.wall_clock_s,
        "s",
        "wall clock",
        _wall_clock,
        line=1,
        unknown="give --utilization",
        column="wall clock",
    ),
    Quantity("time.low_s", lambda e: e.time and e.time.low_s, "s", line=2, lines=_likely_range),
    Quantity("time.high_s", lambda e: e.time and e.time.high_s, "s"),
    Quantity(
        "time.parts",
        lambda e: dict((e.time and e.time.parts) or {}),
        "s",
        line=5,
        lines=_time_parts,
    ),
    Quantity("time.profile", _profile),
    Quantity("time.by_stack", _by_stack_data, line=6, lines=_by_stack),
    Quantity("cost.gpu_hours", lambda e: e.cost and e.cost.gpu_hours, "h", "GPU-hours"),
    Quantity("cost.usd", lambda e: e.cost and e.cost.usd, "USD", lines=_rent, column="cost"),
    Quantity(
        "cost.energy_kwh", lambda e: e.cost and e.cost.energy_kwh, "kWh", "energy", _energy, line=3
    ),
    Quantity(
        "cost.electricity_usd",
        lambda e: e.cost and e.cost.electricity_usd,
        "USD",
        "electricity",
        lambda e: f"at {format_price(e.run.cost.kwh_price_usd or 0)} per kWh",
        line=3,
    ),
    Quantity(
        "cost.co2_kg",
        lambda e: e.cost and e.cost.co2_kg,
        "kg",
        "CO2",
        lambda e: f"at {e.run.cost.grid_g_per_kwh} g/kWh",
        line=3,
    ),
    Quantity("cost.providers", offers_data, line=1, lines=_elsewhere),
    Quantity(
        "cost.purchase",
        lambda e: e.run.gpu.spec.price and dict(e.run.gpu.spec.price),
        line=2,
        lines=_purchase,
    ),
)

_NEEDED = Quantity(
    "memory.needed_bytes", lambda e: e.memory and e.memory.needed_bytes, "B", column="memory"
)
"""The larger of ``peak_bytes`` and ``accumulated_bytes``, which JSON has both."""

_BY_KEY = {quantity.key: quantity for quantity in (*QUANTITIES, _NEEDED)}

# --- which of them a grid and a page show -----------------------------------------------------

COUNT_COLUMNS = ("time.wall_clock_s", "cost.usd", "memory.peak_bytes", "memory.usable_bytes")
COMPARE_COLUMNS = (
    "time.mfu",
    "compute.ratio",
    "time.wall_clock_s",
    "memory.peak_bytes",
    "memory.usable_bytes",
    "cost.usd",
)
HARDWARE_COLUMNS = ("time.wall_clock_s", "cost.usd", "memory.needed_bytes")
WAY_COLUMNS = (*HARDWARE_COLUMNS, "memory.host_bytes")
SHAPE_NUMBERS = ("time.mfu", "time.tokens_per_s", "time.wall_clock_s")
PAGE_NUMBERS = ("time.wall_clock_s", "compute.ratio", "memory.peak_bytes", "time.mfu", "cost.usd")


def heads(keys: Iterable[str]) -> tuple[str, ...]:
    """The heads of the columns of a grid."""
    return tuple(_BY_KEY[key].column for key in keys)


def cells(keys: Iterable[str], estimate: Estimate) -> tuple[str, ...]:
    """One row of a grid."""
    return tuple(cell(key, estimate) for key in keys)


def cell(key: str, estimate: Estimate) -> str:
    """One number as it stands in a grid."""
    quantity = _BY_KEY[key]
    value = quantity.value(estimate)
    return quantity.absent if value is None else IN_A_GRID[quantity.unit](value)


def known(keys: Iterable[str], estimates: Sequence[Estimate]) -> tuple[str, ...]:
    """Those that one of the estimates has a value for."""
    return tuple(
        key for key in keys if any(_BY_KEY[key].value(each) is not None for each in estimates)
    )


def facts(keys: Iterable[str], estimate: Estimate) -> Iterator[tuple[str, Any, str]]:
    """Label, value and text of numbers that stand alone; unknown ones have no text."""
    for quantity in (_BY_KEY[key] for key in keys):
        value = quantity.value(estimate)
        text = "" if value is None else ALONE[quantity.unit](value)
        yield quantity.fact or quantity.column, value, text


# --- the table of one answer ------------------------------------------------------------------

_SECTIONS = {"compute": "compute", "memory": "memory on one GPU", "time": "time", "cost": "cost"}


def sections(estimate: Estimate) -> list[Table]:
    """The sections of one answer, without those that have nothing to say."""
    tables = [table(title, _lines(part, estimate)) for part, title in _SECTIONS.items()]
    tables.append(table("assumed", assumed(estimate)))
    return [each for each in tables if each.rows]


def table(title: str, lines: Iterable[Line]) -> Table:
    """Lines as a table of label, value and basis."""
    lines = tuple(lines)
    rows = tuple((line.label, line.value, line.basis) for line in lines)
    return Table(("", "", ""), rows, title=title, bars=tuple(line.share for line in lines))


def _lines(part: str, estimate: Estimate) -> Iterator[Line]:
    of_part = (each for each in QUANTITIES if each.key.startswith(f"{part}."))
    for quantity in sorted(of_part, key=lambda each: each.line):
        yield from _lines_of(quantity, estimate)


def _lines_of(quantity: Quantity, estimate: Estimate) -> Iterable[Line]:
    if quantity.lines is not None:
        return quantity.lines(estimate)
    value = quantity.value(estimate) if quantity.label else None
    if value is not None:
        text = IN_FULL[quantity.unit](value)
        return [Line(quantity.label, text, quantity.basis(estimate))]
    return [Line(quantity.label, "unknown", quantity.unknown)] if quantity.unknown else []


def assumed(estimate: Estimate) -> Iterator[Line]:
    """The options that shape the answer, each with its origin."""
    if isinstance(estimate.run, ComputeRun):
        return
    for name in ASSUMED_OPTIONS:
        if name in estimate.run.values:
            value = estimate.run.values[name]
            shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            yield Line(name.replace("_", "-"), shown, estimate.run.origins[name])
