"""The yardstick: one constant utilization for each family of hardware and software.

It is what a calculator without a model of the step does at its best: the median of all published
utilizations of the family, known beforehand.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from gptbudget.plan.validation.speed import ScoredSpeed


def constant_errors(rows: Sequence[ScoredSpeed], *, leave_out: bool) -> list[float]:
    """Predicted over published, less one, with the best constant of each row's family.

    ``leave_out``: the constant is fitted without the row's source, on the same hardware and stack,
    else the same hardware, else on everything; a row without others has no constant.
    """
    errors = []
    for row in rows:
        others = [each for each in rows if not leave_out or each.source != row.source]
        alike = _most_alike(row, others)
        if alike:
            best = math.exp(statistics.median(math.log(each.published_mfu) for each in alike))
            errors.append(best / row.published_mfu - 1)
    return errors


def _most_alike(row: ScoredSpeed, others: Sequence[ScoredSpeed]) -> Sequence[ScoredSpeed]:
    for names in (("hardware", "stack"), ("hardware",)):
        alike = [
            each for each in others if all(each.keys[name] == row.keys[name] for name in names)
        ]
        if alike:
            return alike
    return others
