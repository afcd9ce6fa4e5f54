"""Likely ranges of the step time, read off errors of runs whose source was left out.

A range is the 5th to 95th percentile of measured over predicted time of a class, each source
counted once. Percentiles of bare rows would be those of the source that has most of them, and hold
a new source's runs far less often than they say.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from gptbudget.evidence.published import LeftOutRow

_ENDS = (0.05, 0.95)
"""Shares of the weight below either end of a range."""
_FEWEST_ROWS, _FEWEST_SOURCES = 5, 2
"""Below which rows with an assumed input count too, and below which no range is read off."""


class ClassRange(NamedTuple):
    """Measured over predicted time of a class."""

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
    found = {}
    for name, of in members.items():
        complete = [row for row in of if row.inputs == "complete"]
        enough = len(complete) >= _FEWEST_ROWS and len(_sources(complete)) >= _FEWEST_SOURCES
        taken = complete if enough else of
        if len(taken) >= _FEWEST_ROWS:
            low, high = (_balanced_quantile(taken, share) for share in ends)
            found[name] = ClassRange(low, high, len(taken), len(_sources(taken)))
    return found


def _sources(rows: Iterable[LeftOutRow]) -> set[str]:
    return {row.source for row in rows}


def _balanced_quantile(rows: Sequence[LeftOutRow], share: float) -> float:
    """The ratio below which ``share`` of the weight lies; all sources weigh the same."""
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
    """Whether each row lies in the range of its class without its own source, and its half width.

    Rows of a class that too little is left of are passed over; see :func:`untested`.
    """
    found = []
    for source in dict.fromkeys(row.source for row in rows):
        ranges = class_ranges((row for row in rows if row.source != source), ends)
        for row in rows:
            of = ranges.get(row.range_class)
            if row.source == source and of is not None:
                half = (of.high - of.low) / (of.high + of.low)
                found.append((row, of.low <= 1 + row.error <= of.high, half))
    return found


def untested(rows: Sequence[LeftOutRow]) -> list[LeftOutRow]:
    """Rows whose class has no range left without their own source: nobody else speaks for it."""
    tested = {row.id for row, _, _ in inside_of_others(rows)}
    return [row for row in rows if row.id not in tested]
