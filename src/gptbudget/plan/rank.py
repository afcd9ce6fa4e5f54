"""The order of answers: what can be done before what cannot, faster before slower."""

from __future__ import annotations

from collections.abc import Sequence

from gptbudget.plan.estimate import Estimate


def best_first(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Feasible rows before unknown ones before the others, faster ones first in each."""

    def rank(estimate: Estimate) -> tuple[int, float]:
        order = {True: 0, None: 1, False: 2}[estimate.feasible]
        return order, estimate.time.wall_clock_s if estimate.time else float("inf")

    return sorted(estimates, key=rank)
