"""Scored rows, and the errors of groups of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple, Protocol, TypeVar

_GOOD = 0.15

Group = tuple[tuple[str, str], ...]
"""(name, value) pairs shared by all rows of a group."""


class ScoredRow(NamedTuple):
    """One measured figure and the prediction."""

    id: str
    source: str
    figure: str
    """Which phase, or ``peak`` for the whole step."""
    group: Group
    predicted: float
    published: float
    peak_phase: str | None = None
    """The part of the step in which it peaked."""
    peak_phase_right: bool | None = None

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1

    @property
    def keys(self) -> dict[str, str]:
        """What the row may be grouped by."""
        return {**dict(self.group), "figure": self.figure}


class Scored(Protocol):
    """Anything with an error and names to group it by."""

    @property
    def error(self) -> float:
        """Predicted over published, less one."""

    @property
    def keys(self) -> dict[str, str]:
        """What the row may be grouped by."""


S = TypeVar("S", bound=Scored)


class Score(NamedTuple):
    """The errors of a group of rows."""

    group: Group
    rows: int
    median: float
    """Of the absolute errors, as are the next three."""
    p90: float
    p95: float
    worst: float
    bias: float
    """Mean error, with its sign."""
    within_15: float
    """Share of rows within 15 %."""


def score(rows: Sequence[Scored], group: Group = ()) -> Score:
    """The errors of ``rows`` taken together; there must be at least one."""
    return score_errors([row.error for row in rows], group)


def score_errors(errors: Sequence[float], group: Group = ()) -> Score:
    """Like :func:`score`, for a list of errors."""
    sizes = sorted(map(abs, errors))
    return Score(
        group,
        len(sizes),
        quantile(sizes, 0.5),
        quantile(sizes, 0.9),
        quantile(sizes, 0.95),
        sizes[-1],
        fmean(errors),
        sum(size <= _GOOD for size in sizes) / len(sizes),
    )


def by_group(rows: Iterable[Scored], names: Sequence[str]) -> list[Score]:
    """Scores by the values of the keys ``names``, in their order."""
    return [score(members, group) for group, members in grouped(rows, names)]


def known_by_group(
    rows: Sequence[Scored], errors: Iterable[float | None], names: Sequence[str]
) -> dict[Group, Score]:
    """Scores of other errors of the same rows, for the groups in which some are known."""
    known: dict[Group, list[float]] = defaultdict(list)
    for row, error in zip(rows, errors, strict=True):
        if error is not None:
            known[group_of(row, names)].append(error)
    return {group: score_errors(of_group, group) for group, of_group in known.items()}


def group_of(row: Scored, names: Sequence[str]) -> Group:
    """The values of the keys ``names`` of a row."""
    keys = row.keys
    return tuple((name, keys[name]) for name in names)


def grouped(rows: Iterable[S], names: Sequence[str]) -> list[tuple[Group, list[S]]]:
    """Rows that agree in the keys ``names``, in their order."""
    groups: dict[Group, list[S]] = defaultdict(list)
    for row in rows:
        groups[group_of(row, names)].append(row)
    return sorted(groups.items())


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the ordered values lie, interpolated."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
