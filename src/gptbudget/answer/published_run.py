"""One published run in full: predicted beside published, part by part."""

from collections.abc import Iterator, Mapping
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


def run_document(found: OneRun) -> Document:
    """Everything that is known of one run."""
    records = [
        *([speed_data(found.speed)] if found.speed else []),
        *([peak_data(found.peak)] if found.peak else []),
        *([fit_data(found.fit)] if found.fit else []),
    ]
    row = found.row
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
    tables = (_measured(found), _seconds(found), _bytes(found), _options(found))
    return Document(
        _headline(found),
        tuple(table for table in tables if table.rows),
        data,
        records,
        tuple(_notes(found)),
    )


def _headline(found: OneRun) -> str:
    said = []
    if found.speed:
        said.append(f"tokens/s {percent(found.speed.error, 1, signed=True)}")
    if found.peak:
        said.append(f"peak {percent(found.peak.error, 1, signed=True)}")
    if found.fit and not found.peak:
        ours, happened = _outcome(found.fit)
        said.append(f"{ours}, and it {happened}")
    return f"{found.row.id}: predicted over published: {', '.join(said) or 'nothing to compare'}"


def _measured(found: OneRun) -> Table:
    rows: list[tuple[str, ...]] = []
    if found.speed:
        speed, step = found.speed, found.run.step_tokens
        rows.append(("tokens/s", format_number(speed.predicted), format_number(speed.published)))
        likely = f"{format_number(speed.low)} to {format_number(speed.high)}"
        rows.append(("likely range", likely, "inside" if speed.inside else "outside"))
        seconds = (format_duration(step / each) for each in (speed.predicted, speed.published))
        rows.append(("step", *seconds))
    if found.peak:
        amounts = (format_bytes(each) for each in (found.peak.predicted, found.peak.published))
        rows.append((f"peak, {found.row.about.figure}", *amounts))
    if found.fit:
        rows.append(("outcome", *_outcome(found.fit)))
    return numbers_table(("", "predicted", "published"), rows)


def _outcome(fit: ScoredFit) -> tuple[str, str]:
    """What we say of a run, and what happened."""
    ours = {True: "fits", False: "does not fit", None: "unknown"}[fit.predicted]
    return ours, "ran" if fit.published else "ran out of memory"


def _seconds(found: OneRun) -> Table:
    parts = found.speed.seconds if found.speed else {}
    return _parts("part of a step", "time", {name: each for name, each in parts.items() if each})


def _bytes(found: OneRun) -> Table:
    return _parts(
        "part of the bill", "size", dict(found.memory.parts.items() if found.memory else ())
    )


def _parts(part: str, amount: str, parts: Mapping[str, float]) -> Table:
    """Each part with its share of the whole."""
    shown, total = format_duration if amount == "time" else format_bytes, added(parts.values())
    rows = (
        (name.replace("_", " "), shown(each), format_percent(float(each / total)))
        for name, each in parts.items()
    )
    return numbers_table((part, amount, "share"), rows)


def _options(found: OneRun) -> Table:
    run = found.run
    given = {"gpu": run.gpu.key, "model": found.row.model, **run.values}
    rows = tuple(
        (name.replace("_", "-"), str(value), "published" if name in _said(found) else "default")
        for name, value in given.items()
        if name in {*ASSUMED_OPTIONS, *_said(found)} and value is not None
    )
    return Table(("option", "value", "from"), rows)


def _said(found: OneRun) -> set[str]:
    return {"gpu", "model", *found.row.options, *found.row.speed_options}


def _notes(found: OneRun) -> Iterator[str]:
    row = found.row
    yield f"source: {row.about.title}{', ' + row.about.url if row.about.url else ''}"
    if row.quote:
        yield f"it prints: {row.quote}"
    if row.about.stack_reason:
        yield f"software: {found.run.stack}, because {row.about.stack_reason}"
    if row.about.off_because:
        yield f"runs of this source are off because {row.about.off_because}"
    if row.assumed_input:
        yield f"assumed for this run: {row.assumed_input}"
    if row.about.assumed:
        yield f"assumed for the source: {row.about.assumed}"
