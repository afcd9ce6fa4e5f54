"""The answer of ``validate --cross``: step times, each source predicted by the others."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.validation import (
    NOTE_SEPARATE_LINES,
    groups_data,
    median_of_sources,
    numbers_table,
    percent,
    scores_table,
    with_constant,
    without_largest,
)
from gptbudget.evidence.cross import Cross, LeftOutRow, class_ranges, inside_of_others, untested
from gptbudget.evidence.score import Group, Score, known_by_group, score
from gptbudget.units import format_many

_FAMILY = ("family", "inputs")


def cross_document(cross: Cross) -> Document:
    """Return errors on sources that no constant was fitted on, and the ranges from them."""
    dense = [row for row in cross.rows if row.family == "dense"]
    complete = [row for row in dense if row.inputs == "complete"]
    records = [row.keys for row in cross.rows]
    data: dict[str, Any] = {
        "schema": 1,
        "made": cross.made,
        "script": cross.script,
        "constants": {
            "names": ["sustained share of the matmul rate", "its factor on Hopper and B200"],
            "shipped": cross.shipped,
            "fitted_on_all": cross.fitted_on_all,
            "without": cross.without,
        },
        "chosen_after_errors": cross.chosen_after_errors,
        "untested": [row.id for row in untested(cross.rows)],
        "groups": [
            group
            for names in (_FAMILY, (*_FAMILY, "source"))
            for group in groups_data(cross.rows, names, _constants_of(cross.rows, names))
        ],
        "ranges": {name: each._asdict() for name, each in class_ranges(cross.rows).items()},
        "rows": records,
    }
    tables = (
        scores_table("", cross.rows, _FAMILY),
        _by_source("dense, inputs complete, by source", complete),
        _by_source("dense, all, by source", dense),
        _ranges(cross.rows),
        _constants(cross),
    )
    return Document("\n".join(_headline(cross, complete)), tables, data, records, _notes(cross))


def _by_source(title: str, rows: Sequence[LeftOutRow]) -> Table:
    return scores_table(title, rows, ("source",), with_constant(_constants_of(rows, ("source",))))


def _constants_of(rows: Sequence[LeftOutRow], names: Sequence[str]) -> dict[Group, Score]:
    """The error of the best constant utilization in each group that has one."""
    return known_by_group(rows, [row.constant_error for row in rows], names)


def _headline(cross: Cross, rows: Sequence[LeftOutRow]) -> Iterable[str]:
    constant = _constants_of(rows, ())[()]
    most, others = without_largest(rows)
    yield (
        f"each source predicted with constants fitted on the others (made {cross.made} by "
        f"{cross.script}), dense in 16 bit, inputs complete: {_errors(rows)}; the best constant "
        "utilization: "
        f"{percent(constant.median, 1)}, {percent(constant.within_15, 0)}"
    )
    once = median_of_sources(rows)
    yield f"without {most}: {_errors(others)}; each source counted once: {once}"
    yield _coverage(cross.rows)


def _coverage(rows: Sequence[LeftOutRow]) -> str:
    """Return the share of runs in the range of other sources, and the number without one."""
    inside = [each for each in inside_of_others(rows) if each[0].inputs == "complete"]
    share = sum(right for _, right, _ in inside) / len(inside)
    width = statistics.median(half for _, _, half in inside)
    coverage = (
        f"of {len(inside)} runs of all families, inputs complete, {percent(share, 0)} lie in the "
        f"range derived from the other sources of their class; its median width is "
        f"+-{percent(width, 0)}"
    )
    alone = Counter(row.range_class for row in untested(rows) if row.inputs == "complete")
    if not alone:
        return coverage
    named = ", ".join(f"{name} ({count})" for name, count in alone.most_common())
    return (
        f"{coverage}; {alone.total()} of {len(inside) + alone.total()} are not tested: without "
        f"their own source, too few runs of their class remain: {named}"
    )


def _errors(rows: Sequence[LeftOutRow]) -> str:
    whole = score(rows)
    return (
        f"{format_many(whole.rows, 'run')}, median error {percent(whole.median, 1)}, "
        f"{percent(whole.within_15, 0)} within 15 %"
    )


def _ranges(rows: Sequence[LeftOutRow]) -> Table:
    return numbers_table(
        ("measured over predicted time", "n", "sources", "from", "to"),
        (
            (name, str(each.rows), str(each.sources), f"{each.low:.2f}", f"{each.high:.2f}")
            for name, each in class_ranges(rows).items()
        ),
    )


def _constants(cross: Cross) -> Table:
    named = {"nothing": cross.fitted_on_all, **cross.without, "(shipped)": cross.shipped}
    rows = ((name, *(f"{value:.2f}" for value in values)) for name, values in named.items())
    return numbers_table(("fitted without", "sustained share", "on Hopper"), rows)


def _notes(cross: Cross) -> tuple[str, ...]:
    return (
        "two constants are fitted, all others are as shipped",
        NOTE_SEPARATE_LINES,
        "a range is the 5th to 95th percentile of its class, each source counted once; rows with "
        "an assumed input count only where others are too few",
        *(f"chosen after errors were seen: {each}" for each in cross.chosen_after_errors),
    )
