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
    by_figure, groups, whole = by_group(rows, ("figure",)), by_group(peaks, _GROUPED), score(peaks)
    median, p95, worst = (_percent(value) for value in (whole.median, whole.p95, whole.worst))
    headline = (
        f"memory against PyTorch: {whole.rows} training steps, median error of the peak "
        f"{median}, 95 % within {p95}, worst {worst}"
    )
    right = [row.peak_phase_right for row in peaks]
    records = [_row_data(row) for row in rows]
    scores = [_score_data(found) for found in (whole, *by_figure, *groups)]
    data = {"schema": 1, "groups": scores, "rows": records}
    return Document(
        headline,
        (
            _table("by phase", ("figure",), by_figure),
            _table("peak by group", _GROUPED, groups),
            _worst(peaks),
        ),
        data,
        records,
        (
            f"{source}: {what}",
            f"the part of the step that peaks is right in {sum(map(bool, right))} of {len(right)}",
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
