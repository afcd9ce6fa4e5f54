"""What one logged step is worth: published runs of one program on one card, corrected by one."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gptbudget.evidence.speed import ScoredSpeed
from gptbudget.run.profiles import CARRIED

_NAMES = ("source", "family", "card", "stack")
_FEWEST = 3


class Carried(NamedTuple):
    """Errors of a group's other runs, without and with one of them logged."""

    group: tuple[str, ...]
    """Source, family, card, software."""
    rows: int
    before: float
    """Median absolute error of the others, in the mean over which run is logged."""
    after: float


def carried_errors(rows: Iterable[ScoredSpeed], share: float = CARRIED) -> list[Carried]:
    """Each group of at least three runs, with each of its runs logged in turn."""
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in rows:
        groups[tuple(row.keys[name] for name in _NAMES)].append(math.log1p(row.error))
    return [
        Carried(
            group,
            len(logs),
            statistics.mean(_median_of_others(logs, index, 0) for index in range(len(logs))),
            statistics.mean(_median_of_others(logs, index, share) for index in range(len(logs))),
        )
        for group, logs in sorted(groups.items())
        if len(logs) >= _FEWEST
    ]


def _median_of_others(logs: Sequence[float], logged: int, share: float) -> float:
    """Median absolute error of the others once ``share`` of the logged run's is taken off."""
    return statistics.median(
        abs(math.expm1(log - share * logs[logged]))
        for index, log in enumerate(logs)
        if index != logged
    )
