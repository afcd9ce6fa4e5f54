"""Answers of ``compare`` as documents: one in full, several as a grid."""

from __future__ import annotations

from collections.abc import Sequence

from gptbudget.plan.estimate import Estimate
from gptbudget.plan.run import FlopsAmount
from gptbudget.report.answer import answers
from gptbudget.report.document import Document, Table
from gptbudget.report.notes import notes
from gptbudget.report.remedies import found_remedies, remedy_sentences
from gptbudget.report.rows import sections
from gptbudget.report.verdict import subject, verdict
from gptbudget.units import (
    format_bytes,
    format_duration,
    format_number,
    format_percent,
    format_usd,
)

_MOST_NOTES = 12


def comparison(estimates: Sequence[Estimate], skipped: Sequence[str] = ()) -> Document:
    """The document of one estimate in full, or of several as a grid, best first."""
    data = answers(estimates)
    if len(estimates) == 1:
        only = estimates[0]
        tables: tuple[Table, ...] = tuple(
            Table(("", "", ""), tuple((r.label, r.value, r.basis) for r in s.rows), title=s.title)
            for s in sections(only)
        )
        return Document(
            verdict(only),
            tables,
            data,
            data["results"],
            notes=(*notes(only),),
            advice=(*remedy_sentences(only, found_remedies(only)),),
        )
    all_notes = dict.fromkeys(note for estimate in estimates for note in notes(estimate))
    return Document(
        _grid_headline(estimates),
        (_grid(estimates),),
        data,
        data["results"],
        (*skipped, *_shortened(list(all_notes))),
    )


def _shortened(said: list[str]) -> list[str]:
    """The notes of a grid, as many as one reads."""
    if len(said) <= _MOST_NOTES:
        return said
    left = len(said) - _MOST_NOTES
    return [*said[:_MOST_NOTES], f"{left} more notes, each with its row, in -o json"]


def _grid_headline(estimates: Sequence[Estimate]) -> str:
    feasible = [e for e in estimates if e.feasible]
    unknown = sum(e.feasible is None for e in estimates)
    if not feasible:
        said = f"No: none of {len(estimates)} pairs is known to be feasible"
    else:
        best = feasible[0]
        assert best.time is not None
        said = (
            f"Yes: {len(feasible)} of {len(estimates)} pairs are feasible; the fastest known is "
            f"{subject(best)} in {format_duration(best.time.wall_clock_s)}"
        )
    return f"{said}, {unknown} unknown." if unknown else f"{said}."


def _grid(estimates: Sequence[Estimate]) -> Table:
    columns = ("gpu", "model", "feasible", "MFU", "ratio", "wall clock", "memory", "usable", "cost")
    rows = tuple(_grid_row(estimate) for estimate in estimates)
    return Table(columns, rows, right=frozenset(columns[3:]))


def _grid_row(estimate: Estimate) -> tuple[str, ...]:
    run, memory, time = estimate.run, estimate.memory, estimate.time
    ratio, usd = estimate.compute.ratio, estimate.cost.usd if estimate.cost else None
    unknown = "?"
    return (
        run.gpu.key if run.gpus == 1 else f"{run.gpus} x {run.gpu.key}",
        "" if isinstance(run.work, FlopsAmount) else run.work.key,
        {True: "yes", False: "no", None: unknown}[estimate.feasible],
        unknown if time is None or time.mfu is None else format_percent(time.mfu),
        unknown if ratio is None else format_number(ratio),
        unknown if time is None else format_duration(time.wall_clock_s),
        unknown if memory is None else format_bytes(memory.peak_bytes),
        unknown if run.usable_bytes is None else format_bytes(run.usable_bytes),
        unknown if usd is None else format_usd(usd),
    )
