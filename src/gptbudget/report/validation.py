"""What ``validate`` has to say: how wrong we are, by group, and the worst rows by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from gptbudget.plan.validation import Score, ScoredFit, ScoredRow, by_group, score
from gptbudget.report.document import Document, Table
from gptbudget.specs.evidence import LeftOut, PublishedMemory
from gptbudget.units import format_bytes

_WORST = 5
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


class Published(NamedTuple):
    """Scored published runs."""

    runs: Sequence[PublishedMemory]
    rows: Sequence[ScoredRow]
    fits: Sequence[ScoredFit]
    left_out: Sequence[LeftOut]


def validation_document(measured: Sequence[Measured], published: Published) -> Document:
    """The memory section: against PyTorch's own accounting, then against published runs."""
    tables = [table for part in measured for table in _measured_tables(part)]
    records = [
        *(_row_data(row) for part in measured for row in part.rows),
        *(_row_data(row) for row in published.rows),
        *(_fit_data(fit) for fit in published.fits),
    ]
    data = {
        "schema": 1,
        "groups": [*(g for part in measured for g in _groups(part)), *_published_groups(published)],
        "rows": records,
        "fits": _shares(published.fits),
        "left_out": [left._asdict() for left in published.left_out],
    }
    headline = "\n".join([*map(_headline, measured), *_published_headline(published)])
    return Document(
        headline,
        (*_published_tables(published), *tables),
        data,
        records,
        (*(note for part in measured for note in _measured_notes(part)), *_notes(published)),
    )


def _headline(part: Measured) -> str:
    whole = score(part.peaks)
    median, p95, worst = (_percent(value) for value in (whole.median, whole.p95, whole.worst))
    return (
        f"memory against PyTorch, {part.title}: {whole.rows} training steps, median error of the "
        f"peak {median}, 95 % within {p95}, worst {worst}"
    )


def _published_headline(published: Published) -> Iterable[str]:
    whole = score(published.rows)
    sources = len({run.source.url for run in published.runs if run.peak_bytes is not None})
    yield (
        f"memory against published peaks: {whole.rows} runs of {sources} sources, median error "
        f"{_percent(whole.median, 1)}, {_percent(whole.within_15, 0)} within 15 %, worst "
        f"{_percent(whole.worst, 0)}"
    )
    ran, out = (_share(_apart(published.fits, ran=flag)) for flag in (True, False))
    yield (
        f"memory against published outcomes: of the runs that ran {ran} fit, of those that ran out "
        f"of memory {out} do not"
    )


def _apart(fits: Iterable[ScoredFit], *, ran: bool, border: bool = False) -> list[ScoredFit]:
    return [fit for fit in fits if fit.published is ran and fit.border is border]


def _share(fits: Sequence[ScoredFit]) -> str:
    """How many of the runs we are right about."""
    return f"{_right_of(fits)} of {len(fits)}"


def _right_of(fits: Sequence[ScoredFit]) -> int:
    return sum(fit.predicted is fit.published for fit in fits)


def _measured_tables(part: Measured) -> Iterable[Table]:
    names = _GROUPED
    yield _table(f"{part.title}, by phase", ("figure",), by_group(part.rows, ("figure",)))
    yield _table(f"{part.title}, peak by group", names, by_group(part.peaks, names))
    yield _phases_by_group(by_group(part.rows, ("figure", *names)), part.title)
    yield _worst(part.peaks, "PyTorch")


def _groups(part: Measured) -> list[dict[str, Any]]:
    whole = score(part.peaks)
    scores = [
        whole,
        *by_group(part.rows, ("figure",)),
        *by_group(part.rows, ("figure", *_GROUPED)),
    ]
    return [{"section": part.title, **_score_data(found)} for found in scores]


def _published_groups(published: Published) -> list[dict[str, Any]]:
    rows = published.rows
    scores = [
        score(rows),
        *by_group(rows, ("source",)),
        *by_group(rows, ("method",)),
        *by_group(rows, ("kind",)),
        *by_group(rows, ("source", "method", "kind")),
    ]
    return [{"section": "published", **_score_data(found)} for found in scores]


def _published_tables(published: Published) -> Iterable[Table]:
    rows = published.rows
    titles = {run.source.key: run.source.title for run in published.runs}
    for names in (("source", "method", "kind"), ("method",), ("kind",)):
        title = f"published peaks by {', '.join(names)}"
        yield _published_table(title, names, by_group(rows, names))
    yield _worst(rows, "published")
    yield _fits_table(published.fits)
    yield Table(
        ("left out", "rows"),
        tuple((left.reason, str(len(left.ids))) for left in published.left_out),
        right=frozenset({"rows"}),
    )
    yield Table(("source", ""), tuple(titles.items()))


def _published_table(title: str, names: tuple[str, ...], scores: Sequence[Score]) -> Table:
    columns = (*names, "n", "median", "p90", "within 15 %", "bias")
    rows = tuple(
        (
            *(value for _, value in found.group),
            str(found.rows),
            _percent(found.median, 1),
            _percent(found.p90, 1),
            _percent(found.within_15, 0),
            _percent(found.bias, 1, signed=True),
        )
        for found in scores
    )
    return Table(columns, rows, title=title, right=frozenset(columns[len(names) :]))


def _fits_table(fits: Sequence[ScoredFit]) -> Table:
    """By source, what ran and fits, and what ran out of memory and does not: never mixed."""
    sources = list(dict.fromkeys((fit.source, fit.border) for fit in fits))
    rows = []
    for source, border in sources:
        of = [fit for fit in fits if fit.source == source]
        ran, out = (_apart(of, ran=flag, border=border) for flag in (True, False))
        name = f"{source} (at the border of the card)" if border else source
        rows.append((name, _share(ran) if ran else "", _share(out) if out else ""))
    columns = ("source", "ran, and fits", "out of memory, and does not fit")
    return Table(columns, tuple(rows), title="outcomes", right=frozenset(columns[1:]))


def _shares(fits: Sequence[ScoredFit]) -> dict[str, Any]:
    """Both shares, with the rows at the border of a card apart."""
    found = {}
    for name, border in (("all", False), ("at_the_border", True)):
        ran, out = (_apart(fits, ran=flag, border=border) for flag in (True, False))
        found[name] = {
            "ran": len(ran),
            "ran_and_fits": _right_of(ran),
            "out_of_memory": len(out),
            "out_of_memory_and_does_not_fit": _right_of(out),
        }
    return found


def _measured_notes(part: Measured) -> Iterable[str]:
    yield f"{part.source}: {part.what}"
    backward, elsewhere = (_right(part.peaks, backward=flag) for flag in (True, False))
    yield (
        f"{part.title}: the part of the step that peaks is right where it is the backward pass in "
        f"{backward}, elsewhere in {elsewhere}"
    )


def _notes(published: Published) -> Iterable[str]:
    yield (
        "published peaks are what their source measured: tensors (allocated), what PyTorch's "
        "allocator holds (reserved) or all in use on the card; each is compared with that part of "
        "the bill, reserved and card with what the allocator keeps beside it"
    )
    assumed = {run.source.key: run.source.assumed for run in published.runs if run.source.assumed}
    for source, what in assumed.items():
        yield f"{source}: assumed {what}"


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


def _phases_by_group(groups: Sequence[Score], title: str) -> Table:
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
    return Table(columns, rows, title=f"{title}, worst of each phase by group", right=right)


def _right(peaks: Sequence[ScoredRow], *, backward: bool) -> str:
    """How many of the steps that peak there, or elsewhere, we say so of."""
    found = [row.peak_phase_right for row in peaks if (row.peak_phase == "backward") is backward]
    return f"{sum(map(bool, found))} of {len(found)}"


def _worst(peaks: Sequence[ScoredRow], other: str) -> Table:
    ordered = sorted(peaks, key=lambda row: -abs(row.error))[:_WORST]
    columns = ("worst rows", "error", "predicted", other)
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


def _percent(share: float, digits: int = 3, *, signed: bool = False) -> str:
    return f"{share:+.{digits}%}" if signed else f"{share:.{digits}%}"


def _score_data(found: Score) -> dict[str, Any]:
    return {**found._asdict(), "group": dict(found.group)}


def _row_data(row: ScoredRow) -> dict[str, Any]:
    return {**row._asdict(), "group": dict(row.group), "error": row.error}


def _fit_data(fit: ScoredFit) -> dict[str, Any]:
    return {**fit._asdict(), "quantity": "fits", "figure": "fits", "group": {}, "error": None}
