"""The stored cross-validation: errors with each source left out, and ranges read off them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from gptbudget.catalog.paths import data_file


class LeftOutRow(NamedTuple):
    """One published speed, predicted with constants that were fitted without its source."""

    id: str
    source: str
    family: str
    inputs: str
    range_class: str
    """The class of ``time_ranges.yaml`` it is of."""
    error: float
    """Predicted / published tokens/s - 1, which equals measured / predicted time - 1."""
    constant_error: float | None
    """The same error for the best constant utilization of the same hardware and software."""

    @property
    def keys(self) -> dict[str, Any]:
        """What the row may be grouped by."""
        return {**self._asdict(), "class": self.range_class}


class Cross(NamedTuple):
    """Constants fitted with each source left out, and the errors on that source."""

    made: str
    script: str
    shipped: list[float]
    """The share of the matmul rate that is sustained, and its factor on Hopper."""
    fitted_on_all: list[float]
    without: dict[str, list[float]]
    chosen_after_errors: list[str]
    """Constants chosen by hand after seeing errors, which cross-validation cannot undo."""
    rows: list[LeftOutRow]


def load_cross() -> Cross:
    """Read it from the package."""
    data = json.loads(data_file("cross_validation.json").read_text(encoding="utf-8"))
    rows = [LeftOutRow(range_class=row.pop("class"), **row) for row in data["rows"]]
    return Cross(**{**data, "rows": rows})


_ENDS = (0.05, 0.95)
"""Quantiles of the ends of a range."""
_FEWEST_ROWS, _FEWEST_SOURCES = 5, 2
"""Below which rows with an assumed input count too, and below which no range is read off."""


class ClassRange(NamedTuple):
    """Range of measured / predicted time in a class."""

    low: float
    high: float
    rows: int
    sources: int


def class_ranges(
    rows: Iterable[LeftOutRow], ends: tuple[float, float] = _ENDS
) -> dict[str, ClassRange]:
    """The range of each class that has enough rows: those with complete inputs, else all."""
    members: dict[str, list[LeftOutRow]] = defaultdict(list)
    for row in rows:
        members[row.range_class].append(row)
    ranges = {}
    for name, of_class in members.items():
        complete = [row for row in of_class if row.inputs == "complete"]
        enough = len(complete) >= _FEWEST_ROWS and len(_sources(complete)) >= _FEWEST_SOURCES
        taken = complete if enough else of_class
        if len(taken) >= _FEWEST_ROWS:
            low, high = (_balanced_quantile(taken, share) for share in ends)
            ranges[name] = ClassRange(low, high, len(taken), len(_sources(taken)))
    return ranges


def _sources(rows: Iterable[LeftOutRow]) -> set[str]:
    return {row.source for row in rows}


def _balanced_quantile(rows: Sequence[LeftOutRow], share: float) -> float:
    """Return a quantile of measured / predicted time; all sources weigh the same."""
    of_source = Counter(row.source for row in rows)
    ordered = sorted((1 + row.error, Fraction(1, of_source[row.source])) for row in rows)
    passed, wanted = Fraction(0), Fraction(str(share)) * len(of_source)
    for ratio, weight in ordered:
        passed += weight
        if passed >= wanted:
            return ratio
    return ordered[-1][0]


def inside_of_others(
    rows: Sequence[LeftOutRow], ends: tuple[float, float] = _ENDS
) -> list[tuple[LeftOutRow, bool, float]]:
    """Whether each row lies in the range of its class without its source, and its half width.

    Rows whose class has too few rows left are skipped; see :func:`untested`.
    """
    judged = []
    for source in dict.fromkeys(row.source for row in rows):
        ranges = class_ranges((row for row in rows if row.source != source), ends)
        for row in rows:
            of = ranges.get(row.range_class)
            if row.source == source and of is not None:
                half = (of.high - of.low) / (of.high + of.low)
                judged.append((row, of.low <= 1 + row.error <= of.high, half))
    return judged


def untested(rows: Sequence[LeftOutRow]) -> list[LeftOutRow]:
    """Rows whose class has no range left without their own source."""
    tested = {row.id for row, _, _ in inside_of_others(rows)}
    return [row for row in rows if row.id not in tested]
