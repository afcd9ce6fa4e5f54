"""The yardstick: one constant utilization for each family of hardware and software.

It is what a calculator without a model of the step does at its best: the median of all published
utilizations of the family, known beforehand.
"""

import math
import statistics
from collections.abc import Sequence

from gptbudget.evidence.score import Group, Score, grouped, score_errors
from gptbudget.evidence.speed import ScoredSpeed


def constant_errors(rows: Sequence[ScoredSpeed], *, leave_out: bool) -> list[float]:
    """Errors of all rows that have such a constant; see :func:`constant_error`."""
    errors = (constant_error(row, rows, leave_out=leave_out) for row in rows)
    return [error for error in errors if error is not None]


def constant_scores(rows: Sequence[ScoredSpeed], names: Sequence[str]) -> dict[Group, Score]:
    """What the constants of ``rows`` miss in each group of them; see :func:`constant_error`.

    Each is fitted without the row's source; a group without any other source has none.
    """
    found = {}
    for group, members in grouped(rows, names):
        errors = (constant_error(row, rows, leave_out=True) for row in members)
        known = [error for error in errors if error is not None]
        if known:
            found[group] = score_errors(known, group)
    return found


def constant_error(
    row: ScoredSpeed, rows: Sequence[ScoredSpeed], *, leave_out: bool
) -> float | None:
    """Predicted over published, less one, with the best constant of the row's family.

    ``leave_out``: the constant is fitted without the row's source, on the same hardware and stack,
    else the same hardware, else on everything; ``None`` where there are no others.
    """
    others = [each for each in rows if not leave_out or each.source != row.source]
    alike = _most_alike(row, others)
    if not alike:
        return None
    best = math.exp(statistics.median(math.log(each.published_mfu) for each in alike))
    return best / row.published_mfu - 1


def _most_alike(row: ScoredSpeed, others: Sequence[ScoredSpeed]) -> Sequence[ScoredSpeed]:
    for names in (("hardware", "stack"), ("hardware",)):
        alike = [
            each for each in others if all(each.keys[name] == row.keys[name] for name in names)
        ]
        if alike:
            return alike
    return others
