"""What ``validate`` says: time against published runs, then memory against them and PyTorch."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gptbudget.answer.document import Document, Table
from gptbudget.evidence.cross import LeftOutRow
from gptbudget.evidence.memory import ScoredFit
from gptbudget.evidence.score import (
    Group,
    Score,
    Scored,
    ScoredRow,
    by_group,
    grouped,
    score,
)
from gptbudget.evidence.speed import (
    ScoredSpeed,
    carried_errors,
    constant_score,
    constant_scores,
)
from gptbudget.evidence.validate import AgainstPyTorch, AgainstRuns
from gptbudget.units import format_bytes, format_many, format_number

S = TypeVar("S", bound=ScoredRow | ScoredSpeed | LeftOutRow)

_WORST_PEAKS, _WORST_SPEEDS = 5, 8
_FAMILY = ("family", "inputs")
_SPEEDS_BY = ("source", "hardware", "size", "layout", "precision", "stack")
_PEAKS_BY = ("source", "method", "kind")
_STEPS_BY = ("implementation", "precision", "attention", "checkpointing")

APART = "TPUs and cards before Ampere stand in lines of their own, whatever their inputs"
"""What the dense lines leave out."""


def percent(share: float, digits: int = 3, *, signed: bool = False) -> str:
    """``3.8%``, or with a sign ``-3.8%``."""
    return f"{share:+.{digits}%}" if signed else f"{share:.{digits}%}"


Cells = Mapping[str, Callable[[Score], str]]
"""What a table says of a score, by the name of the column."""

CELLS: Cells = {
    "n": lambda found: str(found.rows),
    "median": lambda found: percent(found.median, 1),
    "p90": lambda found: percent(found.p90, 1),
    "within 15 %": lambda found: percent(found.within_15, 0),
    "bias": lambda found: percent(found.bias, 1, signed=True),
}
_EXACT: Cells = {
    "n": CELLS["n"],
    "median": lambda found: percent(found.median),
    "p95": lambda found: percent(found.p95),
    "worst": lambda found: percent(found.worst),
    "bias": lambda found: percent(found.bias, signed=True),
}


def numbers_table(
    columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], names: int = 1, title: str = ""
) -> Table:
    """A table whose columns are numbers but for the first ``names``."""
    return Table(columns, tuple(rows), title=title, right=frozenset(columns[names:]))


def scores_table(
    title: str,
    rows: Sequence[Scored],
    names: tuple[str, ...],
    constants: Mapping[Group, Score] | None = None,
    cells: Cells = CELLS,
) -> Table:
    """The errors of each group, and the median of its best constant where there are constants."""
    found = []
    for each in by_group(rows, names):
        best = () if constants is None else (_median(constants, each.group),)
        found.append((*_values(each.group), *(cell(each) for cell in cells.values()), *best))
    more = () if constants is None else ("constant",)
    return numbers_table((*names, *cells, *more), found, len(names), title)


def _values(group: Group) -> tuple[str, ...]:
    return tuple(value for _, value in group)


def _median(constants: Mapping[Group, Score], group: Group) -> str:
    best = constants.get(group)
    return percent(best.median, 1) if best else ""


def score_data(found: Score) -> dict[str, Any]:
    """A score as plain data."""
    return {**found._asdict(), "group": dict(found.group)}


def constant_data(found: Score | None) -> dict[str, Any] | None:
    """What the best constant utilization misses in a group, as plain data."""
    names = ("rows", "median", "p90", "bias", "within_15")
    return None if found is None else {name: getattr(found, name) for name in names}


def speed_data(row: ScoredSpeed) -> dict[str, Any]:
    """A scored speed as plain data."""
    return {
        "id": row.id,
        "source": row.source,
        "quantity": "tokens_per_s",
        "figure": "step",
        "group": row.keys,
        "predicted": row.predicted,
        "published": row.published,
        "error": row.error,
        "low": row.low,
        "high": row.high,
        "assumed_input": row.assumed_input,
        "seconds": dict(row.seconds),
    }


def peak_data(row: ScoredRow) -> dict[str, Any]:
    """A scored figure of memory as plain data."""
    return {
        "id": row.id,
        "source": row.source,
        "quantity": "peak_bytes",
        **row._asdict(),
        "group": dict(row.group),
        "error": row.error,
    }


def fit_data(fit: ScoredFit) -> dict[str, Any]:
    """A scored outcome as plain data."""
    return {**fit._asdict(), "quantity": "fits", "figure": "fits", "group": {}, "error": None}


def validation_document(measured: Sequence[AgainstPyTorch], found: AgainstRuns) -> Document:
    """Time against published runs, memory against them and against PyTorch's own accounting."""
    records = [
        *map(speed_data, found.speeds),
        *(peak_data(row) for part in measured for row in part.rows),
        *map(peak_data, found.peaks),
        *map(fit_data, found.fits),
    ]
    data: dict[str, Any] = {
        "schema": 1,
        "groups": list(_groups(measured, found)),
        "rows": records,
        "one_step_logged": [each._asdict() for each in carried_errors(found.speeds)],
        "fits": _shares(found.fits),
        "memory_left_out": [left.model_dump() for left in found.memory_left_out],
        "left_out": [left.model_dump() for left in found.left_out],
    }
    tables = (
        *_speed_tables(found.speeds),
        *_memory_tables(found),
        *(table for part in measured for table in _step_tables(part)),
        *_listed(found),
    )
    headline = "\n".join((*_speed_headline(found.speeds), *_memory_headline(measured, found)))
    none = f"{format_many(len(found.published), 'run')}, none of which can be scored"
    return Document(headline or none, tables, data, records, tuple(_notes(measured, found)))


def promised(rows: Iterable[ScoredSpeed]) -> list[ScoredSpeed]:
    """The rows that the promise is about: dense, 16 bit, all weights, every input published."""
    return [row for row in rows if row.keys["family"] == "dense" and row.assumed_input is None]


def without_largest(rows: Sequence[S]) -> tuple[str, list[S]]:
    """The source of most rows, and the rows of all others."""
    most, _ = Counter(row.source for row in rows).most_common(1)[0]
    return most, [row for row in rows if row.source != most]


def median_of_sources(rows: Sequence[Scored]) -> str:
    """The median error with each source counted once."""
    return percent(statistics.median(each.median for each in by_group(rows, ("source",))), 1)


def _speed_headline(speeds: Sequence[ScoredSpeed]) -> Iterator[str]:
    """How wrong the step time is, with and without the source that most rows are of."""
    rows = promised(speeds)
    if rows:
        yield (
            "time against published runs, dense in 16 bit, inputs complete: "
            f"{_errors(rows)}{_best_constant(rows)}"
        )
        most, others = without_largest(rows)
        if others:
            yield (
                f"the same without {most}: {_errors(others)}; each source counted once: median "
                f"{median_of_sources(rows)}"
            )
    elif speeds:
        yield (
            f"time against published runs: {_errors(speeds)}; none is dense in 16 bit with every "
            "input in its row"
        )


def _best_constant(rows: Sequence[ScoredSpeed]) -> str:
    """What the best constant utilization of the same hardware and software would reach."""
    best = constant_score(rows)
    if best is None:
        return ""
    return (
        "; the best constant utilization of the same hardware and software, without the run's "
        f"source: {percent(best.median, 1)}, {percent(best.within_15, 0)}"
    )


def _errors(rows: Sequence[ScoredSpeed]) -> str:
    whole, sources = score(rows), len({row.source for row in rows})
    return (
        f"{format_many(whole.rows, 'run')} of {format_many(sources, 'source')}, median "
        f"error {percent(whole.median, 1)}, {percent(whole.within_15, 0)} within 15 %"
    )


def _memory_headline(measured: Sequence[AgainstPyTorch], found: AgainstRuns) -> Iterator[str]:
    """How wrong peaks and outcomes are."""
    for part in measured:
        whole = score(part.peaks)
        yield (
            f"memory against PyTorch, {part.title}: {format_many(whole.rows, 'training step')}, "
            f"median error of the peak {percent(whole.median)}, 95 % within {percent(whole.p95)}, "
            f"worst {percent(whole.worst)}"
        )
    if found.peaks:
        whole = score(found.peaks)
        sources = {run.about.url for run in found.published if run.peak_bytes is not None}
        yield (
            f"memory against published peaks: {format_many(whole.rows, 'run')} of "
            f"{format_many(len(sources), 'source')}, median error {percent(whole.median, 1)}, "
            f"{percent(whole.within_15, 0)} within 15 %, worst {percent(whole.worst, 0)}"
        )
    if found.fits:
        ran, out = map(_share, _outcomes(found.fits))
        border = any(fit.border for fit in found.fits)
        near = ", and ".join(map(_share, _outcomes(found.fits, border=True)))
        yield (
            f"memory against published outcomes: of the runs that ran {ran} fit, of those that ran "
            f"out of memory {out} do not"
            + (f"; one batch size on either side of what a card holds: {near}" if border else "")
        )


def _outcomes(
    fits: Iterable[ScoredFit], *, border: bool = False
) -> tuple[list[ScoredFit], list[ScoredFit]]:
    """The runs that ran and those that ran out of memory; those at the border of a card apart."""
    apart = [fit for fit in fits if fit.border is border]
    return [fit for fit in apart if fit.published], [fit for fit in apart if not fit.published]


def _right(fits: Sequence[ScoredFit]) -> int:
    return sum(fit.predicted is fit.published for fit in fits)


def _share(fits: Sequence[ScoredFit]) -> str:
    """How many of the runs we are right about."""
    return f"{_right(fits)} of {len(fits)}"


def _shares(fits: Sequence[ScoredFit]) -> dict[str, Any]:
    """Both shares, with the rows at the border of a card apart."""
    found = {}
    for name, border in (("all", False), ("at_the_border", True)):
        ran, out = _outcomes(fits, border=border)
        found[name] = {
            "ran": len(ran),
            "ran_and_fits": _right(ran),
            "out_of_memory": len(out),
            "out_of_memory_and_does_not_fit": _right(out),
        }
    return found


def _groups(measured: Sequence[AgainstPyTorch], found: AgainstRuns) -> Iterator[dict[str, Any]]:
    """Scores of every grouping as plain data; constants are fitted within the rows of a family."""
    families = [members for _, members in grouped(found.speeds, _FAMILY)]
    by = (*((*_FAMILY, name) for name in _SPEEDS_BY), (*_FAMILY, *_SPEEDS_BY[:-1]))
    speeds: list[tuple[list[ScoredSpeed], tuple[str, ...]]] = [
        *((members, _FAMILY) for members in families),
        (promised(found.speeds), ()),
        *((members, names) for names in by for members in families),
    ]
    for members, names in speeds:
        constants = constant_scores(members, names)
        for each in by_group(members, names):
            best = constant_data(constants.get(each.group))
            yield {"section": "speed", **score_data(each), "constant": best}
    for part in measured:
        yield from _sections(part.title, part.peaks, ())
        yield from _sections(part.title, part.rows, ("figure",), ("figure", *_STEPS_BY))
    yield from _sections("published", found.peaks, (), *((each,) for each in _PEAKS_BY), _PEAKS_BY)


def _sections(
    section: str, rows: Sequence[ScoredRow], *groupings: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    for names in groupings:
        for each in by_group(rows, names):
            yield {"section": section, **score_data(each)}


def _speed_tables(speeds: Sequence[ScoredSpeed]) -> Iterator[Table]:
    """By family, then dense rows by each name, then the worst by name."""
    if not speeds:
        return
    yield _families(speeds)
    dense = [row for row in speeds if row.keys["family"] == "dense"]
    for names in ((name,) for name in _SPEEDS_BY if dense):
        title = f"time, dense, by {names[0]}"
        yield scores_table(title, dense, names, constant_scores(dense, names))
    yield numbers_table(
        ("worst rows, tokens/s", "error", "predicted", "published"),
        (
            (
                f"{row.id} ({row.keys['family']})",
                percent(row.error, 0, signed=True),
                format_number(row.predicted),
                format_number(row.published),
            )
            for row in _worst(speeds, _WORST_SPEEDS)
        ),
    )
    yield from _logged(speeds)


def _worst(rows: Iterable[S], most: int) -> list[S]:
    return sorted(rows, key=lambda row: -abs(row.error))[:most]


def _families(speeds: Sequence[ScoredSpeed]) -> Table:
    """Each family of rows, how many are in the likely range, and what a constant would miss."""
    rows = []
    for group, members in grouped(speeds, _FAMILY):
        inside = sum(row.inside for row in members) / len(members)
        cells = (cell(score(members)) for cell in CELLS.values())
        best = _median(constant_scores(members, _FAMILY), group)
        rows.append((*_values(group), *cells, percent(inside, 0), best))
    return numbers_table(("time", "inputs", *CELLS, "in range", "constant"), rows, 2)


def _logged(speeds: Sequence[ScoredSpeed]) -> Iterator[Table]:
    """What one logged step of a program on a card does to the errors of its other runs."""
    groups = carried_errors(speeds)
    if not groups:
        return
    rows = []
    for each in groups:
        source, family, card, stack = each.group
        after = percent(each.after, 1) + (" (rises)" if each.after > each.before else "")
        first = (f"{source}, {family}", f"{card}, {stack}", str(each.rows))
        rows.append((*first, percent(each.before, 1), after))
    before = percent(statistics.mean(each.before for each in groups), 1)
    after = percent(statistics.mean(each.after for each in groups), 1)
    rows.append(("mean of groups", "", str(len(groups)), before, after))
    yield numbers_table(("one step logged", "card", "n", "median before", "after"), rows, 2)


def _memory_tables(found: AgainstRuns) -> Iterator[Table]:
    """Peaks by source, method and kind, the worst of them, and outcomes by source."""
    if found.peaks:
        for names in (_PEAKS_BY, ("method",), ("kind",)):
            title = f"published peaks by {', '.join(names)}"
            yield scores_table(title, found.peaks, names)
        yield _worst_peaks(found.peaks, "published")
    if found.fits:
        yield _outcomes_table(found.fits)


def _worst_peaks(peaks: Sequence[ScoredRow], other: str) -> Table:
    """The rows that are most wrong, by name."""
    rows = (
        (
            f"{row.id} {' '.join(_values(row.group[1:]))}",
            percent(row.error, signed=True),
            format_bytes(row.predicted),
            format_bytes(row.published),
        )
        for row in _worst(peaks, _WORST_PEAKS)
    )
    return numbers_table(("worst rows", "error", "predicted", other), rows)


def _outcomes_table(fits: Sequence[ScoredFit]) -> Table:
    """By source, what ran and fits, and what ran out of memory and does not: never mixed."""
    rows = []
    for source, border in dict.fromkeys((fit.source, fit.border) for fit in fits):
        of = _outcomes((fit for fit in fits if fit.source == source), border=border)
        name = f"{source} (at the border of the card)" if border else source
        rows.append((name, *(_share(each) if each else "" for each in of)))
    columns = ("source", "ran, and fits", "out of memory, and does not fit")
    return numbers_table(columns, rows, title="outcomes")


def _step_tables(part: AgainstPyTorch) -> Iterator[Table]:
    """By phase and by group, and the worst steps."""
    yield scores_table(f"{part.title}, by phase", part.rows, ("figure",), cells=_EXACT)
    yield scores_table(f"{part.title}, peak by group", part.peaks, _STEPS_BY, cells=_EXACT)
    scores = by_group(part.rows, ("figure", *_STEPS_BY))
    worst: dict[tuple[str, ...], dict[str, float]] = {}
    for each in scores:
        figure, *group = _values(each.group)
        worst.setdefault(tuple(group), {})[figure] = each.worst
    figures = list(dict.fromkeys(dict(each.group)["figure"] for each in scores))
    yield numbers_table(
        (*_STEPS_BY, *(figure.replace("_", " ") for figure in figures)),
        ((*group, *(percent(of[figure]) for figure in figures)) for group, of in worst.items()),
        len(_STEPS_BY),
        f"{part.title}, worst of each phase by group",
    )
    yield _worst_peaks(part.peaks, "PyTorch")


def _listed(found: AgainstRuns) -> Iterator[Table]:
    """What is not scored, with the reason, and where the rest comes from."""
    listed = {
        "memory listed, not scored": found.memory_left_out,
        "listed, not scored": found.left_out,
    }
    for title, of in listed.items():
        if of:
            yield numbers_table((title, "rows"), ((each.reason, str(len(each.ids))) for each in of))
    sources = {run.source: run.about for run in found.published}
    named = tuple((key, each.title, each.url or "") for key, each in sources.items())
    yield Table(("source", "title", ""), named)


def _notes(measured: Sequence[AgainstPyTorch], found: AgainstRuns) -> Iterator[str]:
    """What was measured, what the lines are about, and what is to be known of a source."""
    for part in measured:
        yield f"{part.source}: {part.what}"
        back, elsewhere = (_phases_right(part.peaks, backward=flag) for flag in (True, False))
        yield (
            f"{part.title}: the part of the step that peaks is right where it is the backward "
            f"pass in {back}, elsewhere in {elsewhere}"
        )
    if found.speeds:
        yield APART
    if found.peaks:
        yield (
            "published peaks are what their source measured: tensors (allocated), what PyTorch's "
            "allocator holds (reserved) or all in use on the card; each is compared with that part "
            "of the bill, reserved and card with what the allocator keeps beside it"
        )
    sources = {run.source: run.about for run in found.published}
    said = {
        "assumed": "assumed",
        "off_because": "off because",
        "stack_reason": "its software, because",
    }
    for field, words in said.items():
        for key, each in sources.items():
            if getattr(each, field):
                yield f"{key}: {words} {getattr(each, field)}"


def _phases_right(peaks: Sequence[ScoredRow], *, backward: bool) -> str:
    """How many of the steps that peak there, or elsewhere, we say so of."""
    found = [row.peak_phase_right for row in peaks if (row.peak_phase == "backward") is backward]
    return f"{sum(map(bool, found))} of {len(found)}"
