"""What leaving out one source after the other gave, as it is stored."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.validation.words import (
    APART,
    cells,
    constant_data,
    percent,
    score_data,
    scores_table,
)
from gptbudget.evidence.cross import Cross, LeftOutRow, class_ranges, inside_of_others, untested
from gptbudget.evidence.score import Group, Score, by_group, grouped, score, score_errors
from gptbudget.units import format_many


def cross_document(found: Cross) -> Document:
    """Errors on sources whose rows no constant was fitted on, and the ranges read off them."""
    rows = [row for row in found.rows if (row.family, row.inputs) == ("dense", "complete")]
    dense = [row for row in found.rows if row.family == "dense"]
    records = [{**row._asdict(), **row.keys} for row in found.rows]
    data: dict[str, Any] = {
        "schema": 1,
        "made": found.made,
        "script": found.script,
        "constants": {
            "names": ["sustained share of the matmul rate", "its factor on Hopper and B200"],
            "shipped": found.shipped,
            "fitted_on_all": found.fitted_on_all,
            "without": found.without,
        },
        "chosen_after_errors": found.chosen_after_errors,
        "untested": [row.id for row in untested(found.rows)],
        "groups": [
            *_groups_data(found.rows, ("family", "inputs")),
            *_groups_data(found.rows, ("family", "inputs", "source")),
        ],
        "ranges": {name: each._asdict() for name, each in class_ranges(found.rows).items()},
        "rows": records,
    }
    tables = (
        _families(found.rows),
        _by_source("dense, inputs complete, by source", rows),
        _by_source("dense, all, by source", dense),
        _ranges(found.rows),
        _constants(found),
    )
    return Document("\n".join(_headline(found, rows)), tables, data, records, _notes(found))


def _groups_data(rows: Sequence[LeftOutRow], names: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    constants = _constants_of(rows, names)
    for each in by_group(rows, names):
        yield {**score_data(each), "constant": constant_data(constants.get(each.group))}


def _by_source(title: str, rows: Sequence[LeftOutRow]) -> Table:
    names = ("source",)
    return scores_table(title, names, by_group(rows, names), _constants_of(rows, names))


def _constants_of(rows: Sequence[LeftOutRow], names: Sequence[str]) -> dict[Group, Score]:
    """What the best constant utilization misses in each group, where there is one."""
    found = {}
    for group, members in grouped(rows, names):
        known = [row.constant_error for row in members if row.constant_error is not None]
        if known:
            found[group] = score_errors(known, group)
    return found


def _headline(found: Cross, rows: Sequence[LeftOutRow]) -> Iterable[str]:
    constant = score_errors([each for row in rows if (each := row.constant_error) is not None])
    most, _ = Counter(row.source for row in rows).most_common(1)[0]
    others = [row for row in rows if row.source != most]
    each = statistics.median(one.median for one in by_group(rows, ("source",)))
    yield (
        f"each source predicted without its rows (made {found.made} by {found.script}), dense in "
        f"16 bit, inputs complete: {_words(rows)}; the best constant utilization: "
        f"{percent(constant.median, 1)}, {percent(constant.within_15, 0)}"
    )
    yield f"without {most}: {_words(others)}; each source counted once: {percent(each, 1)}"
    yield _coverage(found.rows)


def _coverage(rows: Sequence[LeftOutRow]) -> str:
    """How many runs lie in the range of other sources, and how many have none to lie in."""
    inside = [each for each in inside_of_others(rows) if each[0].inputs == "complete"]
    share = sum(right for _, right, _ in inside) / len(inside)
    width = statistics.median(half for _, _, half in inside)
    said = (
        f"of {len(inside)} runs of all families, inputs complete, {percent(share, 0)} lie in the "
        f"range that the other sources of their class give; its median width is "
        f"+-{percent(width, 0)}"
    )
    alone = Counter(row.range_class for row in untested(rows) if row.inputs == "complete")
    if not alone:
        return said
    named = ", ".join(f"{name} ({count})" for name, count in alone.most_common())
    return (
        f"{said}; {alone.total()} of {len(inside) + alone.total()} are not tested, because too "
        f"few runs of their class are left without their source: {named}"
    )


def _words(rows: Sequence[LeftOutRow]) -> str:
    whole = score(rows)
    return (
        f"{format_many(whole.rows, 'run')}, median error {percent(whole.median, 1)}, "
        f"{percent(whole.within_15, 0)} within 15 %"
    )


def _families(rows: Sequence[LeftOutRow]) -> Table:
    columns = ("family", "inputs", "n", "median", "p90", "within 15 %", "bias")
    scores = by_group(rows, ("family", "inputs"))
    found = tuple((*(value for _, value in each.group), *cells(each)) for each in scores)
    return Table(columns, found, right=frozenset(columns[2:]))


def _ranges(rows: Sequence[LeftOutRow]) -> Table:
    columns = ("measured over predicted time", "n", "sources", "from", "to")
    found = tuple(
        (name, str(each.rows), str(each.sources), f"{each.low:.2f}", f"{each.high:.2f}")
        for name, each in class_ranges(rows).items()
    )
    return Table(columns, found, right=frozenset(columns[1:]))


def _constants(found: Cross) -> Table:
    columns = ("fitted without", "sustained share", "on Hopper")
    named = {"nothing": found.fitted_on_all, **found.without, "(shipped)": found.shipped}
    rows = tuple((name, *(f"{value:.2f}" for value in values)) for name, values in named.items())
    return Table(columns, rows, right=frozenset(columns[1:]))


def _notes(found: Cross) -> tuple[str, ...]:
    chosen = (f"chosen after errors were seen: {each}" for each in found.chosen_after_errors)
    return (
        "two constants are fitted, all others are as shipped",
        APART,
        "a range is the 5th to 95th percentile of its class, each source counted once; rows with "
        "an assumed input count only where others are too few",
        *chosen,
    )
