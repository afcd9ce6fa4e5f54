"""Scores and rows as text and as plain data."""

from collections.abc import Mapping, Sequence
from typing import Any

from gptbudget.answer.document import Table
from gptbudget.evidence.memory import ScoredFit
from gptbudget.evidence.score import Group, Score, ScoredRow
from gptbudget.units import format_bytes

_WORST = 5

APART = "TPUs and cards before Ampere stand in lines of their own, whatever their inputs"
"""What the dense lines leave out."""


def percent(share: float, digits: int = 3, *, signed: bool = False) -> str:
    """``3.8%``, or with a sign ``-3.8%``."""
    return f"{share:+.{digits}%}" if signed else f"{share:.{digits}%}"


def scores_table(
    title: str,
    names: tuple[str, ...],
    scores: Sequence[Score],
    constants: Mapping[Group, Score] | None = None,
) -> Table:
    """Count, errors and bias of each group, and the median of the best constant where given."""
    columns = (*names, "n", "median", "p90", "within 15 %", "bias")
    rows = tuple((*(value for _, value in found.group), *cells(found)) for found in scores)
    if constants is not None:
        columns = (*columns, "constant")
        best = (constants.get(found.group) for found in scores)
        rows = tuple(
            (*row, percent(each.median, 1) if each else "")
            for row, each in zip(rows, best, strict=True)
        )
    return Table(columns, rows, title=title, right=frozenset(columns[len(names) :]))


def cells(found: Score) -> tuple[str, ...]:
    """Count, median, 90th percentile, share within 15 %, bias."""
    return (
        str(found.rows),
        percent(found.median, 1),
        percent(found.p90, 1),
        percent(found.within_15, 0),
        percent(found.bias, 1, signed=True),
    )


def worst_peaks(peaks: Sequence[ScoredRow], other: str) -> Table:
    """The rows that are most wrong, by name."""
    ordered = sorted(peaks, key=lambda row: -abs(row.error))[:_WORST]
    columns = ("worst rows", "error", "predicted", other)
    rows = tuple(
        (
            f"{row.id} {' '.join(value for _, value in row.group[1:])}",
            percent(row.error, signed=True),
            format_bytes(row.predicted),
            format_bytes(row.published),
        )
        for row in ordered
    )
    return Table(columns, rows, right=frozenset(columns[1:]))


def score_data(found: Score) -> dict[str, Any]:
    """A score as plain data."""
    return {**found._asdict(), "group": dict(found.group)}


def constant_data(found: Score | None) -> dict[str, Any] | None:
    """What the best constant utilization misses in a group, as plain data."""
    if found is None:
        return None
    names = ("rows", "median", "p90", "bias", "within_15")
    return {name: getattr(found, name) for name in names}


def row_data(row: ScoredRow) -> dict[str, Any]:
    """A scored figure of memory as plain data."""
    return {**row._asdict(), "group": dict(row.group), "error": row.error}


def fit_data(fit: ScoredFit) -> dict[str, Any]:
    """A scored outcome as plain data."""
    return {**fit._asdict(), "quantity": "fits", "figure": "fits", "group": {}, "error": None}
