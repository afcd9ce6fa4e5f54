"""The answer of ``validate``: errors of time and memory against published runs and PyTorch."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gptbudget.answer.document import Document, Table
from gptbudget.evidence.cross import LeftOutRow
from gptbudget.evidence.memory import ScoredFit
from gptbudget.evidence.score import Group, Score, Scored, ScoredRow, by_group, grouped, score
from gptbudget.evidence.speed import ScoredSpeed, carried_errors, constant_score, constant_scores
from gptbudget.evidence.validate import AgainstPyTorch, AgainstRuns
from gptbudget.units import format_bytes, format_many, format_number

S = TypeVar("S", bound=ScoredRow | ScoredSpeed | LeftOutRow)

_WORST_PEAKS, _WORST_SPEEDS = 5, 8
_FAMILY = ("family", "inputs")
_SPEEDS_BY = ("source", "hardware", "size", "layout", "precision", "stack")
_PEAKS_BY = ("source", "method", "kind")
_OF_A_CONSTANT = ("rows", "median", "p90", "bias", "within_15")
_STEPS_BY = ("implementation", "precision", "attention", "checkpointing")

NOTE_SEPARATE_LINES = "TPUs and GPUs before Ampere are listed on separate lines"
"""Note on what the groups named "dense" leave out."""


def percent(share: float, digits: int = 3, *, signed: bool = False) -> str:
    """``3.8%``, or with a sign ``-3.8%``."""
    return f"{share:+.{digits}%}" if signed else f"{share:.{digits}%}"


Cells = Mapping[str, Callable[[Score], str]]
"""Maps a column head to the function that formats that part of a score."""

CELLS: Cells = {
    "n": lambda each: str(each.rows),
    "median": lambda each: percent(each.median, 1),
    "p90": lambda each: percent(each.p90, 1),
    "within 15 %": lambda each: percent(each.within_15, 0),
    "bias": lambda each: percent(each.bias, 1, signed=True),
}
_EXACT: Cells = {
    "n": CELLS["n"],
    "median": lambda each: percent(each.median),
    "p95": lambda each: percent(each.p95),
    "worst": lambda each: percent(each.worst),
    "bias": lambda each: percent(each.bias, signed=True),
}


def with_constant(constants: Mapping[Group, Score]) -> Cells:
    """Return ``CELLS`` and a column for the median error of the best constant utilization."""
    medians = {group: percent(best.median, 1) for group, best in constants.items()}
    return {**CELLS, "constant": lambda each: medians.get(each.group, "")}


def numbers_table(
    columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], names: int = 1, title: str = ""
) -> Table:
    """Return a table in which all columns but the first ``names`` are numbers."""
    return Table(columns, tuple(rows), title=title, right=frozenset(columns[names:]))


def scores_table(
    title: str, rows: Sequence[Scored], names: tuple[str, ...], cells: Cells = CELLS
) -> Table:
    """Return a table of the errors, one row per combination of the keys ``names``."""
    lines = (
        (*_values(each.group), *(cell(each) for cell in cells.values()))
        for each in by_group(rows, names)
    )
    return numbers_table((*names, *cells), lines, len(names), title)


def _values(group: Group) -> tuple[str, ...]:
    return tuple(value for _, value in group)


def groups_data(
    rows: Sequence[Scored], names: Sequence[str], constants: Mapping[Group, Score]
) -> Iterator[dict[str, Any]]:
    """Yield the score of each group, and that of its best constant utilization."""
    for each in by_group(rows, names):
        best = constants.get(each.group)
        constant = best and {name: getattr(best, name) for name in _OF_A_CONSTANT}
        yield {**_score_data(each), "constant": constant}


def _score_data(of: Score) -> dict[str, Any]:
    return {**of._asdict(), "group": dict(of.group)}


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


def validation_document(measured: Sequence[AgainstPyTorch], runs: AgainstRuns) -> Document:
    """Return the answer: time against published runs, memory against them and PyTorch."""
    records = [
        *map(speed_data, runs.speeds),
        *(peak_data(row) for part in measured for row in part.rows),
        *map(peak_data, runs.peaks),
        *map(fit_data, runs.fits),
    ]
    data: dict[str, Any] = {
        "schema": 1,
        "groups": list(_groups(measured, runs)),
        "rows": records,
        "one_step_logged": [each._asdict() for each in carried_errors(runs.speeds)],
        "fits": _shares(runs.fits),
        "memory_left_out": [left.model_dump() for left in runs.published.memory_left_out],
        "left_out": [left.model_dump() for left in runs.published.left_out],
    }
    tables = (
        *_speed_tables(runs.speeds),
        *_memory_tables(runs),
        *(table for part in measured for table in _step_tables(part)),
        *_listed(runs),
    )
    headline = "\n".join((*_speed_headline(runs.speeds), *_memory_headline(measured, runs)))
    none = f"{format_many(len(runs.published.runs), 'run')}, none of which can be scored"
    return Document(headline or none, tables, data, records, tuple(_notes(measured, runs)))


def headline_rows(rows: Iterable[ScoredSpeed]) -> list[ScoredSpeed]:
    """Return the rows of the headline: dense, 16 bit, full training, every input published."""
    return [row for row in rows if row.keys["family"] == "dense" and row.assumed_input is None]


def without_largest(rows: Sequence[S]) -> tuple[str, list[S]]:
    """The source of most rows, and the rows of all others."""
    most, _ = Counter(row.source for row in rows).most_common(1)[0]
    return most, [row for row in rows if row.source != most]


def median_of_sources(rows: Sequence[Scored]) -> str:
    """The median error with each source counted once."""
    return percent(statistics.median(each.median for each in by_group(rows, ("source",))), 1)


def _speed_headline(speeds: Sequence[ScoredSpeed]) -> Iterator[str]:
    """Errors of the step time, with and without the source that has most rows."""
    rows = headline_rows(speeds)
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
    """The error of a baseline: the best constant utilization for the same hardware and software."""
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


def _memory_headline(measured: Sequence[AgainstPyTorch], runs: AgainstRuns) -> Iterator[str]:
    """Yield the errors of peaks and outcomes."""
    for part in measured:
        whole = score(part.peaks)
        yield (
            f"memory against PyTorch, {part.title}: {format_many(whole.rows, 'training step')}, "
            f"median error of the peak {percent(whole.median)}, 95 % within {percent(whole.p95)}, "
            f"worst {percent(whole.worst)}"
        )
    if runs.peaks:
        whole = score(runs.peaks)
        sources = {run.about.url for run in runs.published.runs if run.peak_bytes is not None}
        yield (
            f"memory against published peaks: {format_many(whole.rows, 'run')} of "
            f"{format_many(len(sources), 'source')}, median error {percent(whole.median, 1)}, "
            f"{percent(whole.within_15, 0)} within 15 %, worst {percent(whole.worst, 0)}"
        )
    if runs.fits:
        ran, out = map(_share, _outcomes(runs.fits))
        border = any(fit.border for fit in runs.fits)
        near = ", and ".join(map(_share, _outcomes(runs.fits, border=True)))
        yield (
            f"memory against published outcomes: {ran} runs that ran are predicted to fit, {out} "
            "that ran out of memory are predicted not to"
            + (f"; at the largest batch that fits, and the next: {near}" if border else "")
        )


def _outcomes(
    fits: Iterable[ScoredFit], *, border: bool = False
) -> tuple[list[ScoredFit], list[ScoredFit]]:
    """Return runs that ran, and that ran out of memory: only those near the limit, or no such."""
    apart = [fit for fit in fits if fit.border is border]
    return [fit for fit in apart if fit.published], [fit for fit in apart if not fit.published]


def _right(fits: Sequence[ScoredFit]) -> int:
    return sum(fit.predicted is fit.published for fit in fits)


def _share(fits: Sequence[ScoredFit]) -> str:
    """Return the number of correct predictions: ``3 of 4``."""
    return f"{_right(fits)} of {len(fits)}"


def _shares(fits: Sequence[ScoredFit]) -> dict[str, Any]:
    """Counts of correct predictions, with runs near the memory limit listed separately."""
    shares = {}
    for name, border in (("all", False), ("at_the_border", True)):
        ran, out = _outcomes(fits, border=border)
        shares[name] = {
            "ran": len(ran),
            "ran_and_fits": _right(ran),
            "out_of_memory": len(out),
            "out_of_memory_and_does_not_fit": _right(out),
        }
    return shares


def _groups(measured: Sequence[AgainstPyTorch], runs: AgainstRuns) -> Iterator[dict[str, Any]]:
    """Yield the scores of every grouping; constants are fitted within each family of rows."""
    families = [members for _, members in grouped(runs.speeds, _FAMILY)]
    by = (*((*_FAMILY, name) for name in _SPEEDS_BY), (*_FAMILY, *_SPEEDS_BY[:-1]))
    speeds: list[tuple[list[ScoredSpeed], tuple[str, ...]]] = [
        *((members, _FAMILY) for members in families),
        (headline_rows(runs.speeds), ()),
        *((members, names) for names in by for members in families),
    ]
    for members, names in speeds:
        for group in groups_data(members, names, constant_scores(members, names)):
            yield {"section": "speed", **group}
    for part in measured:
        yield from _sections(part.title, part.peaks, ())
        yield from _sections(part.title, part.rows, ("figure",), ("figure", *_STEPS_BY))
    yield from _sections("published", runs.peaks, (), *((each,) for each in _PEAKS_BY), _PEAKS_BY)


def _sections(
    section: str, rows: Sequence[ScoredRow], *groupings: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    for names in groupings:
        for each in by_group(rows, names):
            yield {"section": section, **_score_data(each)}


def _speed_tables(speeds: Sequence[ScoredSpeed]) -> Iterator[Table]:
    """Yield errors by family, of dense rows by each key, and the worst rows."""
    if not speeds:
        return
    yield _families(speeds)
    dense = [row for row in speeds if row.keys["family"] == "dense"]
    for names in ((name,) for name in _SPEEDS_BY if dense):
        title = f"time, dense, by {names[0]}"
        yield scores_table(title, dense, names, with_constant(constant_scores(dense, names)))
    worst = (
        (f"{row.id} ({row.keys['family']})", *_compared(row, 0, format_number))
        for row in _worst(speeds, _WORST_SPEEDS)
    )
    yield numbers_table(("worst rows, tokens/s", "error", "predicted", "published"), worst)
    yield from _logged(speeds)


def _worst(rows: Iterable[S], most: int) -> list[S]:
    return sorted(rows, key=lambda row: -abs(row.error))[:most]


def _compared(
    row: ScoredRow | ScoredSpeed, digits: int, write: Callable[[float], str]
) -> tuple[str, ...]:
    error = percent(row.error, digits, signed=True)
    return error, write(row.predicted), write(row.published)


def _families(speeds: Sequence[ScoredSpeed]) -> Table:
    """Return one row per family: errors, share in the likely range, error of a constant."""
    inside: dict[Group, str] = {}
    constants: dict[Group, Score] = {}
    for group, rows in grouped(speeds, _FAMILY):
        inside[group] = percent(sum(row.inside for row in rows) / len(rows), 0)
        constants |= constant_scores(rows, _FAMILY)
    in_range: Cells = {"in range": lambda each: inside[each.group]}
    cells = {**CELLS, **in_range, **with_constant(constants)}
    return scores_table("time", speeds, _FAMILY, cells)


def _logged(speeds: Sequence[ScoredSpeed]) -> Iterator[Table]:
    """Yield how calibrating with one step changes the errors on a program's other runs."""
    groups = carried_errors(speeds)
    rows = []
    for each in groups:
        source, family, card, stack = each.group
        rises = " (rises)" if each.after > each.before else ""
        named = (f"{source}, {family}", f"{card}, {stack}", str(each.rows))
        rows.append((*named, percent(each.before, 1), f"{percent(each.after, 1)}{rises}"))
    if rows:
        before = percent(statistics.mean(each.before for each in groups), 1)
        after = percent(statistics.mean(each.after for each in groups), 1)
        rows.append(("mean of groups", "", str(len(groups)), before, after))
        yield numbers_table(("one step logged", "card", "n", "median before", "after"), rows, 2)


def _memory_tables(runs: AgainstRuns) -> Iterator[Table]:
    """Peaks by source, method and kind, the worst of them, and outcomes by source."""
    if runs.peaks:
        for names in (_PEAKS_BY, ("method",), ("kind",)):
            title = f"published peaks by {', '.join(names)}"
            yield scores_table(title, runs.peaks, names)
        yield _worst_peaks(runs.peaks, "published")
    if runs.fits:
        yield _outcomes_table(runs.fits)


def _worst_peaks(peaks: Sequence[ScoredRow], other: str) -> Table:
    """The rows with the largest errors."""
    rows = (
        (f"{row.id} {' '.join(_values(row.group[1:]))}", *_compared(row, 3, format_bytes))
        for row in _worst(peaks, _WORST_PEAKS)
    )
    return numbers_table(("worst rows", "error", "predicted", other), rows)


def _outcomes_table(fits: Sequence[ScoredFit]) -> Table:
    """Return correct outcomes by source, apart for runs that ran and that ran out of memory."""
    rows = []
    for source, border in dict.fromkeys((fit.source, fit.border) for fit in fits):
        of = _outcomes((fit for fit in fits if fit.source == source), border=border)
        name = f"{source} (at the border of the card)" if border else source
        rows.append((name, *(_share(each) if each else "" for each in of)))
    columns = ("source", "ran, and fits", "out of memory, and does not fit")
    return numbers_table(columns, rows, title="outcomes")


def _step_tables(part: AgainstPyTorch) -> Iterator[Table]:
    """Yield errors by phase and by group, and the worst steps."""
    yield scores_table(f"{part.title}, by phase", part.rows, ("figure",), _EXACT)
    yield scores_table(f"{part.title}, peak by group", part.peaks, _STEPS_BY, _EXACT)
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


def _listed(runs: AgainstRuns) -> Iterator[Table]:
    """Yield the rows that are not scored, with the reason, and the sources."""
    listed = {
        "memory listed, not scored": runs.published.memory_left_out,
        "listed, not scored": runs.published.left_out,
    }
    for title, of in listed.items():
        if of:
            yield numbers_table((title, "rows"), ((each.reason, str(len(each.ids))) for each in of))
    sources = {run.source: run.about for run in runs.published.runs}
    named = tuple((key, each.title, each.url or "") for key, each in sources.items())
    yield Table(("source", "title", ""), named)


def _notes(measured: Sequence[AgainstPyTorch], runs: AgainstRuns) -> Iterator[str]:
    """Notes on what was measured, on what the lines mean, and on each source."""
    for part in measured:
        yield f"{part.source}: {part.what}"
        back, elsewhere = (_phases_right(part.peaks, backward=flag) for flag in (True, False))
        yield (
            f"{part.title}: the phase of the peak is right in {back} steps that peak in the "
            f"backward pass, and in {elsewhere} others"
        )
    if runs.speeds:
        yield NOTE_SEPARATE_LINES
    if runs.peaks:
        yield (
            "a published peak is of tensors (allocated), of PyTorch's allocator (reserved) or of "
            "all memory in use on the card; each is compared with the matching prediction, which "
            "has the allocator's cache for the last two"
        )
    sources = {run.source: run.about for run in runs.published.runs}
    fields = {
        "assumed": "assumed",
        "off_because": "off because",
        "stack_reason": "its software, because",
    }
    for field, words in fields.items():
        for key, each in sources.items():
            if getattr(each, field):
                yield f"{key}: {words} {getattr(each, field)}"


def _phases_right(peaks: Sequence[ScoredRow], *, backward: bool) -> str:
    """Return ``x of y``: the steps peaking there, or elsewhere, whose phase is right."""
    right = [row.peak_phase_right for row in peaks if (row.peak_phase == "backward") is backward]
    return f"{sum(map(bool, right))} of {len(right)}"
