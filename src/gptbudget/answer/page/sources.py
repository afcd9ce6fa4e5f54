"""Sources of the numbers of an estimate: options with origins, catalogs, laws, evidence."""

from collections.abc import Iterable, Iterator, Sequence

from gptbudget.answer.document import Table
from gptbudget.answer.explain.steps import citations
from gptbudget.answer.prices import median_in_words, prices_of
from gptbudget.answer.quantities import QUANTITIES
from gptbudget.core.chinchilla import BESIROGLU
from gptbudget.core.parameters import count_parameters
from gptbudget.run.estimate import Estimate
from gptbudget.run.run import ComputeRun
from gptbudget.specs.options import OPTIONS
from gptbudget.units import (
    format_bytes,
    format_count,
    format_duration,
    format_figure,
    format_number,
    format_percent,
    format_price,
)

_Row = tuple[str, str, str]

_PARAMETERS = "counted from the shape of the model, which the catalog gives"


def options_table(estimates: Sequence[Estimate]) -> Table:
    """One row per option with its value and origin; if the runs differ, all values are listed."""
    names = dict.fromkeys(name for each in estimates for name in each.run.values)
    rows = []
    for name in names:
        runs = [each.run for each in estimates if name in each.run.values]
        values = dict.fromkeys(shown_option(name, run.values[name]) for run in runs)
        origins = dict.fromkeys(run.origins.get(name, "") for run in runs)
        rows.append((name.replace("_", "-"), ", ".join(values), ", ".join(origins)))
    return Table(("option", "value", "origin"), tuple(rows))


def shown_option(name: str, value: object) -> str:
    """An option's value in the units it is typed in."""
    if value is None:
        return "predicted" if name == "utilization" else "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, int | float):
        return _number(name, value)
    return str(value)


def _number(name: str, value: float) -> str:
    unit = OPTIONS[name].unit if name in OPTIONS else ""
    if unit == "s":
        return format_duration(value)
    if unit == "B":
        return format_bytes(value) if value else "0"
    if name in {"utilization", "goodput", "dropout", "lora_dropout"}:
        return format_percent(value)
    return format_count(value) if name in {"tokens", "flops"} else f"{value:g}"


def sources_table(estimates: Iterable[Estimate]) -> Table:
    """One row per kind of number with its source; rows shared by several estimates appear once."""
    kinds = (_card, _model, _flops, _memory, _time)
    rows = dict.fromkeys(row for each in estimates for kind in kinds for row in kind(each))
    return Table(("number", "value", "source"), tuple(rows))


def _card(estimate: Estimate) -> Iterator[_Row]:
    run = estimate.run
    key, spec = run.gpu.key, run.gpu.spec
    cited = "; ".join(spec.sources) or "a user's catalog, which cites no source"
    yield key, "; ".join(_datasheet(estimate)), cited
    measured = spec.measured_matmul_tflops
    reached: float | None = getattr(measured, run.precision, None)
    if measured is not None and reached is not None:
        yield f"{key}: measured matmul", f"{format_figure(reached)} TFLOP/s", measured.source
    median = median_in_words(spec)
    if median is not None and spec.rent_per_hour is not None:
        yield f"{key}: price taken, hour", median, spec.rent_per_hour.source
    for label, price in prices_of(spec):
        text = f"{format_price(price.usd)}, {price.kind}, {price.date}"
        yield f"{key}: {label}", text, price.source
    if spec.notes:
        yield f"{key}: note", "", spec.notes


def _datasheet(estimate: Estimate) -> Iterator[str]:
    """Datasheet figures of the card used in the estimate."""
    run, spec = estimate.run, estimate.run.gpu.spec
    link = spec.link
    reported = "as CUDA reports it" if spec.memory_reported_gib else "nominal"
    figures = (
        (spec.memory_reported_gib or spec.memory_gib, f"GiB {reported}"),
        (run.peak_flops_per_s / 1e12, f"TFLOP/s {run.precision} dense"),
        (spec.memory_bandwidth_gb_per_s, "GB/s memory"),
        (link.gb_per_s_per_direction, f"GB/s {link.name}") if link else (None, ""),
        (spec.tdp_w, "W"),
    )
    return (f"{format_figure(value)} {unit}" for value, unit in figures if value is not None)


def _model(estimate: Estimate) -> Iterator[_Row]:
    run = estimate.run
    if isinstance(run, ComputeRun):
        return
    key, spec = run.work.key, run.work.spec
    cited = "; ".join(spec.sources) or "a user's catalog, which cites no source"
    shape = f"{spec.layers} layers, width {spec.width}, vocabulary {spec.vocabulary:,}"
    yield f"{key}: shape", shape, cited
    yield f"{key}: parameters", f"{count_parameters(spec).total:,}", _PARAMETERS
    yield f"{key}: tokens", format_count(run.tokens), _tokens_source(estimate, cited)
    if spec.notes:
        yield f"{key}: note", "", spec.notes


def _tokens_source(estimate: Estimate, cited: str) -> str:
    origin = estimate.run.origins.get("tokens", "")
    if origin == "default":
        return f"compute-optimal, {BESIROGLU.name}: {BESIROGLU.source}"
    return cited if origin == "catalog" else origin


def _flops(estimate: Estimate) -> Iterator[_Row]:
    for quantity in QUANTITIES:
        if quantity.citation and quantity.value(estimate) is not None:
            yield f"FLOPs, {quantity.label}", "", quantity.citation


def _memory(estimate: Estimate) -> Iterator[_Row]:
    memory, run = estimate.memory, estimate.run
    if memory is None or isinstance(run, ComputeRun):
        return
    measured = run.implementation.measured(run.work.spec)
    evidence = (
        "training steps measured in PyTorch" if measured else run.implementation.stack.evidence
    )
    yield f"memory of the {run.stack} stack", run.implementation.stack.title, evidence
    for part, amount in memory.overhead.items():
        if amount:
            yield part.replace("_", " "), format_bytes(amount), citations()[f"memory.{part}"]


def _time(estimate: Estimate) -> Iterator[_Row]:
    run = estimate.run
    if isinstance(run, ComputeRun) or run.prediction is None:
        return
    speed, likely = run.implementation.stack.speed, run.prediction.time_range
    yield f"time of the {run.stack} stack", "step time, part by part", speed.evidence
    text = f"{format_number(likely.low)} to {format_number(likely.high)} times the prediction"
    yield "likely range", text, f"{likely.name}: {likely.evidence} (gptbudget validate)"
