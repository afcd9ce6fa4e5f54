"""Our bill against training steps that PyTorch accounted for."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from gptbudget.answer.document import Table
from gptbudget.answer.validation.words import percent, score_data, worst_peaks
from gptbudget.evidence.score import Score, ScoredRow, by_group, score
from gptbudget.units import format_many

_GROUPED = ("implementation", "precision", "attention", "checkpointing")


class Measured(NamedTuple):
    """Scored steps of one of PyTorch's trackers."""

    title: str
    source: str
    what: str
    rows: Sequence[ScoredRow]

    @property
    def peaks(self) -> list[ScoredRow]:
        """The rows of whole steps."""
        return [row for row in self.rows if row.figure == "peak"]


def headline(part: Measured) -> str:
    """How wrong the peak of a step is."""
    whole = score(part.peaks)
    median, p95, worst = (percent(value) for value in (whole.median, whole.p95, whole.worst))
    return (
        f"memory against PyTorch, {part.title}: {format_many(whole.rows, 'training step')}, "
        f"median error of the peak {median}, 95 % within {p95}, worst {worst}"
    )


def tables(part: Measured) -> Iterable[Table]:
    """By phase and by group, and the worst steps."""
    names = _GROUPED
    yield _table(f"{part.title}, by phase", ("figure",), by_group(part.rows, ("figure",)))
    yield _table(f"{part.title}, peak by group", names, by_group(part.peaks, names))
    yield _phases_by_group(by_group(part.rows, ("figure", *names)), part.title)
    yield worst_peaks(part.peaks, "PyTorch")


def groups(part: Measured) -> list[dict[str, Any]]:
    """Scores of every grouping as plain data."""
    whole = score(part.peaks)
    scores = [
        whole,
        *by_group(part.rows, ("figure",)),
        *by_group(part.rows, ("figure", *_GROUPED)),
    ]
    return [{"section": part.title, **score_data(found)} for found in scores]


def notes(part: Measured) -> Iterable[str]:
    """What was measured, and whether the right part of the step peaks."""
    yield f"{part.source}: {part.what}"
    backward, elsewhere = (_right(part.peaks, backward=flag) for flag in (True, False))
    yield (
        f"{part.title}: the part of the step that peaks is right where it is the backward pass in "
        f"{backward}, elsewhere in {elsewhere}"
    )


def _table(title: str, names: tuple[str, ...], scores: Sequence[Score]) -> Table:
    columns = (*names, "n", "median", "p95", "worst", "bias")
    rows = tuple(
        (
            *(value for _, value in found.group),
            str(found.rows),
            percent(found.median),
            percent(found.p95),
            percent(found.worst),
            percent(found.bias, signed=True),
        )
        for found in scores
    )
    return Table(columns, rows, title=title, right=frozenset(columns[len(names) :]))


def _phases_by_group(groups: Sequence[Score], title: str) -> Table:
    """The worst error of every phase in every group."""
    figures = list(dict.fromkeys(dict(found.group)["figure"] for found in groups))
    worst: dict[tuple[str, ...], dict[str, float]] = {}
    for found in groups:
        (_, figure), *group = found.group
        worst.setdefault(tuple(value for _, value in group), {})[figure] = found.worst
    rows = tuple(
        (*group, *(percent(of[figure]) for figure in figures)) for group, of in worst.items()
    )
    columns = (*_GROUPED, *(figure.replace("_", " ") for figure in figures))
    right = frozenset(columns[len(_GROUPED) :])
    return Table(columns, rows, title=f"{title}, worst of each phase by group", right=right)


def _right(peaks: Sequence[ScoredRow], *, backward: bool) -> str:
    """How many of the steps that peak there, or elsewhere, we say so of."""
    found = [row.peak_phase_right for row in peaks if (row.peak_phase == "backward") is backward]
    return f"{sum(map(bool, found))} of {len(found)}"
