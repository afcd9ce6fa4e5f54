"""Every number of an answer, one row each: its place in JSON, its name, unit, basis and source.

The JSON of an answer, the table of one answer, the columns of every grid and the numbers at the top
of a page are read from here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from gptbudget.answer.document import Table
from gptbudget.answer.notes import rank_data, worst_rank
from gptbudget.answer.prices import offers_data, spread_in_words
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
    """The value's share of its total, drawn as a bar; ``None`` if it is not part of a total."""


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
"""How a number is written when only a label stands next to it, as at the top of a page."""


class Quantity(NamedTuple):
    """How one number of an answer, or one mapping, is computed, labelled and formatted."""

    key: str
    """Its path in the JSON of an answer. JSON keys have the order of ``QUANTITIES``."""
    unit: str = ""
    label: str = ""
    """Its label in the table of one answer; empty: not shown there."""
    basis: Callable[[Estimate], str] = lambda _: ""
    """Returns what the value rests on, in words."""
    order: int = 0
    """Sort key within its section of that table; equal keys keep the order of ``QUANTITIES``."""
    unknown: str = ""
    """The basis of an unknown value; empty: an unknown value has no line."""
    get: Callable[[Estimate], Any] | None = None
    """Returns it from an estimate; ``None``: it is the attribute at ``key``."""
    lines: Callable[[Estimate], Iterable[Line]] | None = None
    """Builds its lines, if it needs other than one line of label, value and basis."""
    column: str = ""
    """The head of its column in a grid."""
    absent: str = "?"
    """Cell text when there is no value."""
    fact: str = ""
    """Label when shown alone, as at the top of a page; empty: ``column`` is used."""
    citation: str = ""
    """Source of the counting method."""

    def value(self, estimate: Estimate) -> Any:
        """Return its value; ``None`` if it is unknown."""
        if self.get is not None:
            return self.get(estimate)
        part, _, name = self.key.partition(".")
        record = getattr(estimate, part)
        return None if record is None else getattr(record, name)


# --- the basis of a value -------------------------------------------------------------------


def tag(estimate: Estimate, name: str) -> str:
    """Return the origin in brackets if the user did not give the option, else an empty string."""
    origin = estimate.run.origins.get(name)
    return f" ({origin})" if origin in {"default", "catalog", "driver"} else ""


def total_parameters(estimate: Estimate) -> float | None:
    """All parameters; ``None`` for a bare amount of FLOPs."""
    if estimate.parameters is not None:
        return estimate.parameters.total
    work = estimate.run.work
    return work.parameters if isinstance(work, BareSize) else None


def active_parameters(estimate: Estimate) -> float | None:
    """Parameters used for one token; ``None`` for a bare amount of FLOPs."""
    counted = estimate.parameters
    return total_parameters(estimate) if counted is None else counted.active


def _counted_as(estimate: Estimate) -> str:
    """Return the convention that the FLOPs of the headline are counted in."""
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
    basis = {"driver": "of this machine, by its driver", "catalog": reported, "default": reported}
    yield Line("usable", usable, basis.get(run.origins.get("gpu_memory", "default"), "as given"))


def _fits(estimate: Estimate) -> Iterator[Line]:
    if estimate.memory is not None:
        yield Line("fits", {True: "yes", False: "no", None: "unknown"}[estimate.memory.fits])


def _host(estimate: Estimate) -> str:
    has = estimate.memory and estimate.memory.host_memory_bytes
    return f"of {'unlimited (default)' if has is None else format_bytes(has)}"


def _shares(
    amounts: Mapping[str, float], whole: float, of: str, write: Callable[[float], str]
) -> Iterator[Line]:
    """Yield one line per part with its share of the total."""
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


def _phases(estimate: Estimate) -> dict[str, float]:
    phases = estimate.memory.by_phase.phases if estimate.memory else {}
    return {name: parts.total for name, parts in phases.items()}


def _rank(estimate: Estimate) -> Iterator[Line]:
    rank = worst_rank(estimate)
    if rank is not None:
        yield Line("on which GPU", rank)


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
        spread = spread_in_words(estimate, cost.gpu_hours, kind)
        if spread is not None:
            yield Line(label, *spread)


_BOUGHT = ("consumer", "laptop", "workstation")
"""Segments of cards that are usually bought, not rented."""


def _purchase(estimate: Estimate) -> Iterator[Line]:
    run, bought = estimate.run, estimate.run.gpu.spec.price
    if estimate.cost is not None and bought is not None and run.gpu.spec.segment in _BOUGHT:
        each = f"{run.gpus} x " if run.gpus > 1 else ""
        basis = f"{each}{format_usd(bought.usd)}, {bought.kind} of {bought.date}"
        yield Line("purchase", format_usd(run.gpus * bought.usd), basis)


def _energy(estimate: Estimate) -> str:
    power, pue = estimate.run.cost.power_w, estimate.run.cost.pue
    return f"at {format_number(power or 0)} W, PUE {pue}{tag(estimate, 'pue')}"


# --- the table --------------------------------------------------------------------------------

QUANTITIES = (
    Quantity("model.parameters", get=total_parameters),
    Quantity("model.active_parameters", get=active_parameters),
    Quantity("gpus", get=lambda e: e.run.gpus),
    Quantity("tokens", get=lambda e: e.run.tokens),
    Quantity("precision", get=lambda e: e.run.precision),
    Quantity("compute.available_flops", "FLOP", "available", _available),
    Quantity("compute.required_flops", "FLOP", lines=_required),
    Quantity(
        "compute.required_flops_6nd",
        "FLOP",
        "required, 6ND",
        _six_nd,
        citation="6 a parameter and token: Kaplan et al. 2020, section 2.1, https://arxiv.org/abs/2001.08361",
    ),
    Quantity(
        "compute.required_flops_exact",
        "FLOP",
        "required, exact",
        _exact,
        citation="counted from the shape of the model; checked against PyTorch's FLOP counter",
    ),
    Quantity(
        "compute.required_flops_causal",
        "FLOP",
        "required, causal",
        lambda _: "half the attention square",
    ),
    Quantity("compute.peak_flops_per_s", "FLOP", get=lambda e: e.run.peak_flops_per_s),
    Quantity(
        "compute.ratio",
        "ratio",
        "ratio",
        lambda e: f"available / required, {_counted_as(e)}",
        column="ratio",
        fact="available / required",
    ),
    Quantity(
        "memory.peak_bytes",
        "B",
        "needed",
        lambda e: f"at the peak: {e.memory.phase.replace('_', ' ')}" if e.memory else "",
        unknown="see notes",
        column="memory",
        fact="memory of one GPU",
    ),
    Quantity(
        "memory.framework_bytes", "B", get=lambda e: e.memory and e.memory.by_phase.peak_bytes
    ),
    Quantity("memory.reserved_bytes", "B"),
    Quantity("memory.accumulated_bytes", "B"),
    Quantity(
        "memory.usable_bytes",
        "B",
        order=2,
        lines=_usable,
        get=lambda e: e.run.usable_bytes,
        column="usable",
    ),
    Quantity("memory.fits", order=4, lines=_fits),
    Quantity("memory.phase"),
    Quantity(
        "memory.parts",
        "B",
        order=5,
        lines=_memory_parts,
        get=lambda e: dict(e.memory.parts) if e.memory else {},
    ),
    Quantity("memory.phases", "B", get=_phases),
    Quantity(
        "memory.host_bytes",
        "B",
        "on the host",
        _host,
        order=3,
        get=lambda e: (e.memory and e.memory.host_bytes) or None,
        column="host",
        absent="",
    ),
    Quantity("memory.rank", order=1, lines=_rank, get=rank_data),
    Quantity("time.step_s", "s", "step", _step, order=4),
    Quantity("time.tokens_per_s", "tokens/s", "throughput", order=3, fact="tokens/s"),
    Quantity(
        "time.s_per_million_tokens", "s", "a million tokens", lambda _: "of wall clock", order=3
    ),
    Quantity("time.mfu", "share", column="MFU"),
    Quantity("time.mfu_causal", "share"),
    Quantity("time.utilization", "share"),
    Quantity(
        "time.wall_clock_s",
        "s",
        "wall clock",
        _wall_clock,
        order=1,
        unknown="give --utilization",
        column="wall clock",
    ),
    Quantity("time.low_s", "s", order=2, lines=_likely_range),
    Quantity("time.high_s", "s"),
    Quantity(
        "time.parts",
        "s",
        order=5,
        lines=_time_parts,
        get=lambda e: dict((e.time and e.time.parts) or {}),
    ),
    Quantity("time.profile", get=_profile),
    Quantity("time.by_stack", order=6, lines=_by_stack, get=_by_stack_data),
    Quantity("cost.gpu_hours", "h", "GPU-hours"),
    Quantity("cost.usd", "USD", lines=_rent, column="cost"),
    Quantity("cost.energy_kwh", "kWh", "energy", _energy, order=3),
    Quantity(
        "cost.electricity_usd",
        "USD",
        "electricity",
        lambda e: f"at {format_price(e.run.cost.kwh_price_usd or 0)} per kWh",
        order=3,
    ),
    Quantity(
        "cost.co2_kg", "kg", "CO2", lambda e: f"at {e.run.cost.grid_g_per_kwh} g/kWh", order=3
    ),
    Quantity("cost.providers", order=1, lines=_elsewhere, get=offers_data),
    Quantity(
        "cost.purchase",
        order=2,
        lines=_purchase,
        get=lambda e: e.run.gpu.spec.price and dict(e.run.gpu.spec.price),
    ),
)

_NEEDED = Quantity("memory.needed_bytes", "B", column="memory")
"""The larger of ``peak_bytes`` and ``accumulated_bytes``. Only for grids: JSON has both."""

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
    """Return the keys for which at least one estimate has a value."""
    return tuple(
        key for key in keys if any(_BY_KEY[key].value(each) is not None for each in estimates)
    )


def facts(keys: Iterable[str], estimate: Estimate) -> Iterator[tuple[str, Any, str]]:
    """Yield label, value and text of each number; the text of an unknown one is empty."""
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
    for quantity in sorted(of_part, key=lambda each: each.order):
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
    """Yield the options that the answer depends on, each with its value and origin."""
    if isinstance(estimate.run, ComputeRun):
        return
    for name in ASSUMED_OPTIONS:
        if name in estimate.run.values:
            value = estimate.run.values[name]
            shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            yield Line(name.replace("_", "-"), shown, estimate.run.origins[name])
