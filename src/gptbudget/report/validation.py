"""What ``validate`` has to say: how wrong we are, by group, and the worst rows by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gptbudget.plan.validation import Score, ScoredRow, by_group, score
from gptbudget.report.document import Document, Table
from gptbudget.units import format_bytes

_WORST = 5
_GROUPED = ("implementation", "precision", "attention", "checkpointing")


def validation_document(rows: Sequence[ScoredRow], source: str, what: str) -> Document:
    """The memory section: errors by phase, by group, and the worst rows."""
    peaks = [row for row in rows if row.figure == "peak"]
    by_figure, whole = by_group(rows, ("figure",)), score(peaks)
    groups = by_group(rows, ("figure", *_GROUPED))
    median, p95, worst = (_percent(value) for value in (whole.median, whole.p95, whole.worst))
    headline = (
        f"memory against PyTorch: {whole.rows} training steps, median error of the peak "
        f"{median}, 95 % within {p95}, worst {worst}"
    )
    records = [_row_data(row) for row in rows]
    scores = [_score_data(found) for found in (whole, *by_figure, *groups)]
    data = {"schema": 1, "groups": scores, "rows": records}
    return Document(
        headline,
        (
            _table("by phase", ("figure",), by_figure),
            _table("peak by group", _GROUPED, by_group(peaks, _GROUPED)),
            _phases_by_group(groups),
            _worst(peaks),
        ),
        data,
        records,
        (
            f"{source}: {what}",
            f"which part of the step peaks is right where it is the backward pass in "
            f"{_right(peaks, backward=True)}, elsewhere in {_right(peaks, backward=False)}",
        ),
    )


def _table(title: str, names: tuple[str, ...], scores: Sequence[Score]) -> Table:
    columns = (*names, "n", "median", "p95", "worst", "bias")
    rows = tuple(
        (
            *(value for _, value in found.group),
            str(found.rows),
            _percent(found.median),
            _percent(found.p95),
            _percent(found.worst),
            _percent(found.bias, signed=True),
        )
        for found in scores
    )
    return Table(columns, rows, title=title, right=frozenset(columns[len(names) :]))


def _phases_by_group(groups: Sequence[Score]) -> Table:
    """The worst error of every phase in every group."""
    figures = list(dict.fromkeys(dict(found.group)["figure"] for found in groups))
    worst: dict[tuple[str, ...], dict[str, float]] = {}
    for found in groups:
        (_, figure), *group = found.group
        worst.setdefault(tuple(value for _, value in group), {})[figure] = found.worst
    rows = tuple(
        (*group, *(_percent(of[figure]) for figure in figures)) for group, of in worst.items()
    )
    columns = (*_GROUPED, *(figure.replace("_", " ") for figure in figures))
    right = frozenset(columns[len(_GROUPED) :])
    return Table(columns, rows, title="worst of each phase by group", right=right)


def _right(peaks: Sequence[ScoredRow], *, backward: bool) -> str:
    """How many of the steps that peak there, or elsewhere, we say so of."""
    found = [row.peak_phase_right for row in peaks if (row.peak_phase == "backward") is backward]
    return f"{sum(map(bool, found))} of {len(found)}"


def _worst(peaks: Sequence[ScoredRow]) -> Table:
    ordered = sorted(peaks, key=lambda row: -abs(row.error))[:_WORST]
    columns = ("worst rows", "error", "predicted", "PyTorch")
    rows = tuple(
        (
            f"{row.id} {' '.join(value for _, value in row.group[1:])}",
            _percent(row.error, signed=True),
            format_bytes(row.predicted),
            format_bytes(row.published),
        )
        for row in ordered
    )
    return Table(columns, rows, right=frozenset(columns[1:]))


def _percent(share: float, *, signed: bool = False) -> str:
    return f"{share:+.3%}" if signed else f"{share:.3%}"


def _score_data(found: Score) -> dict[str, Any]:
    return {**found._asdict(), "group": dict(found.group)}


def _row_data(row: ScoredRow) -> dict[str, Any]:
    return {**row._asdict(), "group": dict(row.group), "error": row.error}
