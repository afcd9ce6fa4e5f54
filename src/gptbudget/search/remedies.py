"""The cheapest changes that make a run fit, and the largest batch and sequence that do.

A change that costs quality never comes before one that does not.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

from gptbudget.run.estimate import Memory, fits
from gptbudget.run.run import ModelRun
from gptbudget.search.changes import CHANGES, Change, Changed, applied, changed_run, is_possible

Changes = tuple[Change, ...]

_ORDER = (
    "micro_batch",
    "precision",
    "attention",
    "keep_logits",
    "loss",
    "sequence_parallel",
    "zero",
    "recipe",
    "checkpointing",
    "offload",
    "optimizer",
    "method",
)
"""In which changes are made: one may need another before it."""

_OUTDONE = (Change("loss", "chunked"), Change("checkpointing", "selective"))
"""Changes of which the next one saves more at no more cost."""

_LADDER = tuple(
    [change for change in CHANGES if change.option == option and change not in _OUTDONE]
    for option in _ORDER
)
"""A combination takes at most one change from each row."""

_LOCKS = (Change("precision", "bf16"), Change("keep_logits", value=False))
"""Changes that can make other changes possible."""

_PRICES = {
    ("checkpointing", "full"): (0, 1),
    ("offload", "none"): (-1, 0),
    ("offload", "optimizer"): (1, 0),
    ("offload", "all"): (2, 0),
}
"""Relative cost as (host traffic, recomputation); other lossless changes cost neither."""

_LOSSES = {"method": 4}
"""Training only adapters costs more quality than training all weights in fewer bits."""


def remedies(run: ModelRun, memory: Memory) -> list[Changed]:
    """Return what makes a run fit: the cheapest changes, and the cheapest without offload."""
    best = cheapest_fit(run, memory, offload=True)
    if best is None:
        return []
    if not any(map(moves_to_host, best.changes)):
        return [best]
    other = cheapest_fit(run, memory, offload=False)
    return [best] if other is None else [best, other]


def cheapest_fit(run: ModelRun, memory: Memory, *, offload: bool) -> Changed | None:
    """The combination of changes that makes the run fit at the least cost, if there is one.

    Least: no loss of quality, then no traffic to the host, then no recomputation, then fewest
    changes. Without ``offload`` nothing is moved to the host. Combinations that lose the same
    are passed over together when all free changes on top of them do not help. Gradients summed in
    16 bit cost quality too, less than what a change costs by itself.
    """
    ordered = sorted(_combinations(run, offload=offload), key=_cost)
    largest = {_dear(changes): changes for changes in sorted(ordered, key=len)}
    hopeful: dict[Changes, bool] = {}
    summing: Changed | None = None
    for changes in ordered:
        if summing is not None and _cost(changes)[0]:
            break
        dear = _dear(changes)
        if dear not in hopeful:
            hopeful[dear] = _fitting(run, memory, largest[dear]) is not None
        if hopeful[dear] and (changed := _fitting(run, memory, changes)) is not None:
            if _cost(changes)[0] or not changed.sums_in_16_bit:
                return changed
            summing = summing or changed
    return summing


def _fitting(run: ModelRun, memory: Memory, changes: Changes) -> Changed | None:
    """The changed run, if it can be made and fits."""
    changed = changed_run(run, memory, changes)
    return changed if changed is not None and changed.memory.fits_accumulated else None


def _dear(changes: Changes) -> Changes:
    """Return the costly changes: those that lower quality or change the offload."""
    return tuple(change for change in changes if change.costs_quality or change.option == "offload")


def moves_to_host(change: Change) -> bool:
    """Whether a change puts something into host memory."""
    return change.option == "offload" and change.value != "none"


def _combinations(run: ModelRun, *, offload: bool) -> Iterator[Changes]:
    """Every choice of at most one change from each rung."""
    unlocked = run
    for change in _LOCKS:
        unlocked = applied(unlocked, change) if is_possible(unlocked, change) else unlocked
    rungs = [
        [
            change
            for change in rung
            if (offload or not moves_to_host(change))
            and (is_possible(run, change) or is_possible(unlocked, change))
        ]
        for rung in _LADDER
    ]
    for picked in product(*([None, *rung] for rung in rungs)):
        changes = tuple(change for change in picked if change is not None)
        if changes:
            yield changes


def _cost(changes: Changes) -> tuple[int, int, int, int]:
    """Return the cost of a combination: quality, host traffic, recomputation, changes."""
    lost = sum(_LOSSES.get(change.option, 1) for change in changes if change.costs_quality)
    prices = [_PRICES.get((change.option, change.value), (0, 0)) for change in changes]
    return lost, sum(p[0] for p in prices), sum(p[1] for p in prices), len(changes)


_MOST_MICRO_BATCH = 2**16
_MOST_SEQ_LEN = 2**24


class Largest(NamedTuple):
    """The largest micro-batch and sequence that fit, everything else as it is."""

    micro_batch: int | None
    seq_len: int | None


def largest_that_fit(run: ModelRun) -> Largest:
    """Search the largest micro-batch and sequence that fit the card."""
    micro_batch, seq_len, model = run.micro_batch, run.seq_len, run.work.spec
    longest = model.context if model.positions.kind == "learned" else _MOST_SEQ_LEN
    most = _MOST_MICRO_BATCH
    if run.asked("global_batch_tokens"):
        most = run.global_batch_tokens // seq_len
        longest = min(longest, run.global_batch_tokens // micro_batch)

    def fits_at(micro_batch: int, seq_len: int) -> bool:
        return fits(run.resized(micro_batch=micro_batch, seq_len=seq_len))

    piece = run.layout.sequence_ranks
    pieces = _largest(lambda count: fits_at(micro_batch, count * piece), longest // piece)
    return Largest(
        _largest(lambda size: fits_at(size, seq_len), most),
        None if pieces is None else pieces * piece,
    )


def _largest(fits: Callable[[int], bool], most: int) -> int | None:
    """The largest number up to ``most`` that fits; memory only grows with it."""
    if most < 1 or not fits(1):
        return None
    low, high = 1, 2
    while high <= most and fits(high):
        low, high = high, high * 2
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
