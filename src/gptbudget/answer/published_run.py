"""One published run in full: predicted beside published, part by part."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.validation import fit_data, numbers_table, peak_data, percent, speed_data
from gptbudget.core.arrays import added
from gptbudget.evidence.memory import ScoredFit
from gptbudget.evidence.validate import OneRun
from gptbudget.specs.options import ASSUMED_OPTIONS
from gptbudget.units import format_bytes, format_duration, format_number, format_percent

_SOURCE = {"title", "url", "stack_reason", "assumed", "off_because", "border"}
"""What is said of the source of a run."""


def run_document(scored: OneRun) -> Document:
    """Everything that is known of one run."""
    records = [
        *([speed_data(scored.speed)] if scored.speed else []),
        *([peak_data(scored.peak)] if scored.peak else []),
        *([fit_data(scored.fit)] if scored.fit else []),
    ]
    row = scored.row
    data: dict[str, Any] = {
        "schema": 1,
        "id": row.id,
        "source": {"key": row.source, **row.about.model_dump(include=_SOURCE)},
        "model": row.model,
        "gpu": row.gpu,
        "options": {**row.options, **row.speed_options},
        "quote": row.quote,
        "assumed_input": row.assumed_input,
        "rows": records,
    }
    seconds = scored.speed.seconds if scored.speed else {}
    bill = dict(scored.memory.parts.items()) if scored.memory else {}
    tables = (
        _measured(scored),
        _parts("part of a step", "time", seconds, format_duration),
        _parts("part of the bill", "size", bill, format_bytes),
        _options(scored),
    )
    return Document(
        _headline(scored),
        tuple(table for table in tables if table.rows),
        data,
        records,
        tuple(_notes(scored)),
    )


def _headline(scored: OneRun) -> str:
    ratios = []
    if scored.speed:
        ratios.append(f"tokens/s {percent(scored.speed.error, 1, signed=True)}")
    if scored.peak:
        ratios.append(f"peak {percent(scored.peak.error, 1, signed=True)}")
    if scored.fit and not scored.peak:
        ours, happened = _outcome(scored.fit)
        ratios.append(f"{ours}, and it {happened}")
    return f"{scored.row.id}: predicted over published: {', '.join(ratios) or 'nothing to compare'}"


def _measured(scored: OneRun) -> Table:
    rows: list[tuple[str, ...]] = []
    if scored.speed:
        speed, step = scored.speed, scored.run.step_tokens
        rows.append(("tokens/s", format_number(speed.predicted), format_number(speed.published)))
        likely = f"{format_number(speed.low)} to {format_number(speed.high)}"
        rows.append(("likely range", likely, "inside" if speed.inside else "outside"))
        seconds = (format_duration(step / each) for each in (speed.predicted, speed.published))
        rows.append(("step", *seconds))
    if scored.peak:
        amounts = (format_bytes(each) for each in (scored.peak.predicted, scored.peak.published))
        rows.append((f"peak, {scored.row.about.figure}", *amounts))
    if scored.fit:
        rows.append(("outcome", *_outcome(scored.fit)))
    return numbers_table(("", "predicted", "published"), rows)


def _outcome(fit: ScoredFit) -> tuple[str, str]:
    """Return the predicted and the actual outcome in words."""
    ours = {True: "fits", False: "does not fit", None: "unknown"}[fit.predicted]
    return ours, "ran" if fit.published else "ran out of memory"


def _parts(
    part: str, amount: str, parts: Mapping[str, float], write: Callable[[float], str]
) -> Table:
    """Each part with its share of the whole."""
    total = added(parts.values())
    rows = (
        (name.replace("_", " "), write(each), format_percent(float(each / total)))
        for name, each in parts.items()
        if each
    )
    return numbers_table((part, amount, "share"), rows)


def _options(scored: OneRun) -> Table:
    run = scored.run
    published = {"gpu", "model", *scored.row.options, *scored.row.speed_options}
    values = {"gpu": run.gpu.key, "model": scored.row.model, **run.values}
    rows = tuple(
        (name.replace("_", "-"), str(value), "published" if name in published else "default")
        for name, value in values.items()
        if name in {*ASSUMED_OPTIONS, *published} and value is not None
    )
    return Table(("option", "value", "from"), rows)


def _notes(scored: OneRun) -> Iterator[str]:
    row = scored.row
    yield f"source: {row.about.title}{', ' + row.about.url if row.about.url else ''}"
    if row.quote:
        yield f"quoted from the source: {row.quote}"
    if row.about.stack_reason:
        yield f"software: {scored.run.stack}, because {row.about.stack_reason}"
    if row.about.off_because:
        yield f"known reason for errors on this source: {row.about.off_because}"
    if row.assumed_input:
        yield f"assumed for this run: {row.assumed_input}"
    if row.about.assumed:
        yield f"assumed for the source: {row.about.assumed}"
