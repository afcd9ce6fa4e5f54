"""Our bill against published peaks and outcomes."""

from collections.abc import Iterable, Sequence
from typing import Any

from gptbudget.answer.document import Table
from gptbudget.answer.validation.words import percent, score_data, scores_table, worst_peaks
from gptbudget.evidence.memory import ScoredFit
from gptbudget.evidence.score import by_group, score
from gptbudget.evidence.validate import AgainstRuns
from gptbudget.units import format_many


def headline(published: AgainstRuns) -> Iterable[str]:
    """How wrong peaks and outcomes are."""
    if published.peaks:
        yield _peaks(published)
    if published.fits:
        yield _outcomes(published.fits)


def _outcomes(fits: Sequence[ScoredFit]) -> str:
    """What ran and what did not, with the rows at the border of a card apart."""
    ran, out = (_share(_apart(fits, ran=flag)) for flag in (True, False))
    said = (
        f"memory against published outcomes: of the runs that ran {ran} fit, of those that ran "
        f"out of memory {out} do not"
    )
    if not any(fit.border for fit in fits):
        return said
    ran, out = (_share(_apart(fits, ran=flag, border=True)) for flag in (True, False))
    return f"{said}; one batch size on either side of what a card holds: {ran}, and {out}"


def _peaks(published: AgainstRuns) -> str:
    whole = score(published.peaks)
    measured = [run for run in published.published if run.peak_bytes is not None]
    sources = len({run.source.url for run in measured})
    return (
        f"memory against published peaks: {format_many(whole.rows, 'run')} of "
        f"{format_many(sources, 'source')}, median error "
        f"{percent(whole.median, 1)}, {percent(whole.within_15, 0)} within 15 %, worst "
        f"{percent(whole.worst, 0)}"
    )


def _apart(fits: Iterable[ScoredFit], *, ran: bool, border: bool = False) -> list[ScoredFit]:
    return [fit for fit in fits if fit.published is ran and fit.border is border]


def _share(fits: Sequence[ScoredFit]) -> str:
    """How many of the runs we are right about."""
    return f"{_right_of(fits)} of {len(fits)}"


def _right_of(fits: Sequence[ScoredFit]) -> int:
    return sum(fit.predicted is fit.published for fit in fits)


def outcome(fit: ScoredFit) -> str:
    """One outcome in words."""
    ours = {True: "fits", False: "does not fit", None: "unknown"}[fit.predicted]
    return f"{ours}, and it {'ran' if fit.published else 'ran out of memory'}"


def groups(published: AgainstRuns) -> list[dict[str, Any]]:
    """Scores of every grouping as plain data."""
    rows = published.peaks
    if not rows:
        return []
    scores = [
        score(rows),
        *by_group(rows, ("source",)),
        *by_group(rows, ("method",)),
        *by_group(rows, ("kind",)),
        *by_group(rows, ("source", "method", "kind")),
    ]
    return [{"section": "published", **score_data(found)} for found in scores]


def tables(published: AgainstRuns) -> Iterable[Table]:
    """Peaks by source, method and kind, the worst of them, and outcomes by source."""
    rows = published.peaks
    if rows:
        for names in (("source", "method", "kind"), ("method",), ("kind",)):
            title = f"published peaks by {', '.join(names)}"
            yield scores_table(title, names, by_group(rows, names))
        yield worst_peaks(rows, "published")
    if published.fits:
        yield _fits_table(published.fits)


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


def shares(fits: Sequence[ScoredFit]) -> dict[str, Any]:
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


def notes(published: AgainstRuns) -> Iterable[str]:
    """What a published peak is compared with."""
    if published.peaks:
        yield (
            "published peaks are what their source measured: tensors (allocated), what PyTorch's "
            "allocator holds (reserved) or all in use on the card; each is compared with that part "
            "of the bill, reserved and card with what the allocator keeps beside it"
        )
