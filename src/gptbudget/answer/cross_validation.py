"""What ``validate --cross`` says: what leaving out one source after the other gave."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.validation import (
    APART,
    constant_data,
    median_of_sources,
    numbers_table,
    percent,
    score_data,
    scores_table,
    without_largest,
)
from gptbudget.evidence.cross import (
    Cross,
    LeftOutRow,
    class_ranges,
    inside_of_others,
    untested,
)
from gptbudget.evidence.score import Group, Score, by_group, known_by_group, score
from gptbudget.units import format_many

_FAMILY = ("family", "inputs")


def cross_document(found: Cross) -> Document:
    """Errors on sources whose rows no constant was fitted on, and the ranges read off them."""
    dense = [row for row in found.rows if row.family == "dense"]
    rows = [row for row in dense if row.inputs == "complete"]
    records = [row.keys for row in found.rows]
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
            {**score_data(each), "constant": constant_data(constants.get(each.group))}
            for names in (_FAMILY, (*_FAMILY, "source"))
            for constants in [_constants_of(found.rows, names)]
            for each in by_group(found.rows, names)
        ],
        "ranges": {name: each._asdict() for name, each in class_ranges(found.rows).items()},
        "rows": records,
    }
    tables = (
        scores_table("", found.rows, _FAMILY),
        _by_source("dense, inputs complete, by source", rows),
        _by_source("dense, all, by source", dense),
        _ranges(found.rows),
        _constants(found),
    )
    return Document("\n".join(_headline(found, rows)), tables, data, records, _notes(found))


def _by_source(title: str, rows: Sequence[LeftOutRow]) -> Table:
    return scores_table(title, rows, ("source",), _constants_of(rows, ("source",)))


def _constants_of(rows: Sequence[LeftOutRow], names: Sequence[str]) -> dict[Group, Score]:
    """What the best constant utilization misses in each group, where there is one."""
    return known_by_group(rows, [row.constant_error for row in rows], names)


def _headline(found: Cross, rows: Sequence[LeftOutRow]) -> Iterable[str]:
    constant = _constants_of(rows, ())[()]
    most, others = without_largest(rows)
    yield (
        f"each source predicted without its rows (made {found.made} by {found.script}), dense in "
        f"16 bit, inputs complete: {_errors(rows)}; the best constant utilization: "
        f"{percent(constant.median, 1)}, {percent(constant.within_15, 0)}"
    )
    once = median_of_sources(rows)
    yield f"without {most}: {_errors(others)}; each source counted once: {once}"
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


def _constants(found: Cross) -> Table:
    named = {"nothing": found.fitted_on_all, **found.without, "(shipped)": found.shipped}
    rows = ((name, *(f"{value:.2f}" for value in values)) for name, values in named.items())
    return numbers_table(("fitted without", "sustained share", "on Hopper"), rows)


def _notes(found: Cross) -> tuple[str, ...]:
    return (
        "two constants are fitted, all others are as shipped",
        APART,
        "a range is the 5th to 95th percentile of its class, each source counted once; rows with "
        "an assumed input count only where others are too few",
        *(f"chosen after errors were seen: {each}" for each in found.chosen_after_errors),
    )
