"""Our step time against published speeds."""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gptbudget.answer.document import Table
from gptbudget.answer.validation.words import (
    APART,
    cells,
    constant_data,
    percent,
    score_data,
    scores_table,
)
from gptbudget.evidence.score import by_group, grouped, score, score_errors
from gptbudget.evidence.speed import (
    Carried,
    ScoredSpeed,
    carried_errors,
    constant_errors,
    constant_scores,
)
from gptbudget.evidence.validate import AgainstRuns
from gptbudget.units import format_many, format_number

_WORST = 8
_PARTS = ("family", "inputs")
_BY = ("source", "hardware", "size", "layout", "precision", "stack")


def promised(rows: Iterable[ScoredSpeed]) -> list[ScoredSpeed]:
    """The rows that the promise is about: dense, 16 bit, all weights, every input published."""
    return [row for row in rows if row.keys["family"] == "dense" and row.assumed_input is None]


def headline(found: AgainstRuns) -> Iterator[str]:
    """How wrong the step time is, with and without the source that most rows are of."""
    rows = promised(found.speeds)
    if not rows:
        yield from _none_promised(found.speeds)
        return
    yield (
        f"time against published runs, dense in 16 bit, inputs complete: {_words(rows)}"
        f"{_constant(rows)}"
    )
    most, others = _dominant(rows)
    if others:
        each = statistics.median(found.median for found in by_group(rows, ("source",)))
        yield (
            f"the same without {most}: {_words(others)}; each source counted once: median "
            f"{percent(each, 1)}"
        )


def _none_promised(rows: Sequence[ScoredSpeed]) -> Iterator[str]:
    if rows:
        yield (
            f"time against published runs: {_words(rows)}; none is dense in 16 bit with every "
            "input in its row"
        )


def _constant(rows: Sequence[ScoredSpeed]) -> str:
    """What the best constant utilization of the same hardware and software would reach."""
    errors = constant_errors(rows, leave_out=True)
    if not errors:
        return ""
    best = score_errors(errors)
    return (
        "; the best constant utilization of the same hardware and software, without the run's "
        f"source: {percent(best.median, 1)}, {percent(best.within_15, 0)}"
    )


def _words(rows: Sequence[ScoredSpeed]) -> str:
    whole = score(rows)
    sources = len({row.source for row in rows})
    return (
        f"{format_many(whole.rows, 'run')} of {format_many(sources, 'source')}, median "
        f"error {percent(whole.median, 1)}, {percent(whole.within_15, 0)} within 15 %"
    )


def _dominant(rows: Sequence[ScoredSpeed]) -> tuple[str, list[ScoredSpeed]]:
    """The source of most rows, and the rows of all others."""
    source, _ = Counter(row.source for row in rows).most_common(1)[0]
    return source, [row for row in rows if row.source != source]


def groups(found: AgainstRuns) -> list[dict[str, Any]]:
    """Scores of every grouping as plain data."""
    rows = found.speeds
    if not rows:
        return []
    parts = [members for _, members in grouped(rows, _PARTS)]
    by = (*((*_PARTS, name) for name in _BY), (*_PARTS, *_BY[:-1]))
    return [
        *(each for part in parts for each in _groups_data(part, _PARTS)),
        *_groups_data(promised(rows), ()),
        *(each for names in by for part in parts for each in _groups_data(part, names)),
    ]


def _groups_data(rows: Sequence[ScoredSpeed], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Groups of ``rows`` with the constants that are fitted within these."""
    constants = constant_scores(rows, names)
    for each in by_group(rows, names):
        best = constant_data(constants.get(each.group))
        yield {"section": "speed", **score_data(each), "constant": best}


def tables(found: AgainstRuns) -> Iterator[Table]:
    """By family, then dense rows by each name, then the worst by name."""
    if not found.speeds:
        return
    yield _families(found.speeds)
    dense = [row for row in found.speeds if row.keys["family"] == "dense"]
    for name in _BY:
        if dense:
            scores, constants = by_group(dense, (name,)), constant_scores(dense, (name,))
            yield scores_table(f"time, dense, by {name}", (name,), scores, constants)
    yield _worst(found.speeds)
    yield from _logged(found.speeds)


def notes(found: AgainstRuns) -> Iterator[str]:
    """What the dense lines are about."""
    if found.speeds:
        yield APART


def _families(rows: Sequence[ScoredSpeed]) -> Table:
    """Each family of rows, how many are in the likely range, and what a constant would miss."""
    columns = (
        "time",
        "inputs",
        "n",
        "median",
        "p90",
        "within 15 %",
        "bias",
        "in range",
        "constant",
    )
    found = []
    for group, members in grouped(rows, _PARTS):
        best = constant_scores(members, _PARTS).get(group)
        inside = sum(row.inside for row in members) / len(members)
        found.append(
            (
                *(value for _, value in group),
                *cells(score(members)),
                percent(inside, 0),
                percent(best.median, 1) if best else "",
            )
        )
    return Table(columns, tuple(found), right=frozenset(columns[2:]))


def _logged(rows: Sequence[ScoredSpeed]) -> Iterator[Table]:
    """What one logged step of a program on a card does to the errors of its other runs."""
    groups = carried_errors(rows)
    if not groups:
        return
    columns = ("one step logged", "card", "n", "median before", "after")
    found = [
        (f"{source}, {family}", f"{card}, {stack}", str(each.rows), *_both(each))
        for each in groups
        for source, family, card, stack in [each.group]
    ]
    before, after = (statistics.mean(getattr(g, name) for g in groups) for name in _SIDES)
    found.append(("mean of groups", "", str(len(groups)), percent(before, 1), percent(after, 1)))
    yield Table(columns, tuple(found), right=frozenset(columns[2:]))


_SIDES = ("before", "after")


def _both(each: Carried) -> tuple[str, str]:
    worse = " (rises)" if each.after > each.before else ""
    return percent(each.before, 1), percent(each.after, 1) + worse


def _worst(rows: Sequence[ScoredSpeed]) -> Table:
    ordered = sorted(rows, key=lambda row: -abs(row.error))[:_WORST]
    columns = ("worst rows, tokens/s", "error", "predicted", "published")
    found = tuple(
        (
            f"{row.id} ({row.keys['family']})",
            percent(row.error, 0, signed=True),
            format_number(row.predicted),
            format_number(row.published),
        )
        for row in ordered
    )
    return Table(columns, found, right=frozenset(columns[1:]))


def row_data(row: ScoredSpeed) -> dict[str, Any]:
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


def logged_data(found: AgainstRuns) -> list[dict[str, Any]]:
    """What one logged step of each group does, as plain data."""
    return [each._asdict() for each in carried_errors(found.speeds)]
