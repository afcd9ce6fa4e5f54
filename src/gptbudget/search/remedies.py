"""The cheapest changes that make a run fit, and the largest batch and sequence that do.

A change that costs quality never comes before one that does not.
"""

from collections.abc import Callable, Iterator
from itertools import chain, product
from typing import NamedTuple

from gptbudget.run.estimate import Memory, memory_of
from gptbudget.run.run import ModelRun
from gptbudget.search.changes import (
    OTHER_OPTIMIZERS,
    Change,
    Changed,
    applied,
    changed_run,
    is_possible,
)

Changes = tuple[Change, ...]

_LADDER = (
    (Change("micro_batch", 1),),
    (Change("precision", "bf16"),),
    (Change("attention", "flash"),),
    (Change("keep_logits", value=False),),
    (Change("loss", "fused"),),
    (Change("sequence_parallel", value=True),),
    (Change("zero", 3),),
    (Change("recipe", "master"), Change("recipe", "pure", costs_quality=True)),
    (Change("checkpointing", "full"),),
    (Change("offload", "none"), Change("offload", "optimizer"), Change("offload", "all")),
    OTHER_OPTIMIZERS,
    (
        Change("method", "lora", costs_quality=True),
        Change("method", "qlora", costs_quality=True),
    ),
)
"""What combinations are made of: at most one of each rung."""


_LOCKS = (Change("precision", "bf16"), Change("keep_logits", value=False))
"""Changes that others may wait for."""

_PRICES = {
    ("checkpointing", "full"): (0, 1),
    ("offload", "none"): (-1, 0),
    ("offload", "optimizer"): (1, 0),
    ("offload", "all"): (2, 0),
}
"""Traffic to the host and recomputation, in ranks; other lossless changes cost neither."""

_LOSSES = {"method": 4}
"""Training a few weights is another undertaking than training all of them in fewer bits."""


def remedies(run: ModelRun, memory: Memory) -> list[Changed]:
    """What makes a run fit: the cheapest way, and the cheapest without moving to the host."""
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
        if hopeful[dear] and (found := _fitting(run, memory, changes)) is not None:
            if _cost(changes)[0] or not found.sums_in_16_bit:
                return found
            summing = summing or found
    return summing


def _fitting(run: ModelRun, memory: Memory, changes: Changes) -> Changed | None:
    """The changed run, if it can be made and fits."""
    changed = changed_run(run, memory, changes)
    return changed if changed is not None and changed.memory.fits_accumulated else None


def _dear(changes: Changes) -> Changes:
    """Those that lose quality or move memory to or from the host."""
    return tuple(change for change in changes if change.costs_quality or change.option == "offload")


def moves_to_host(change: Change) -> bool:
    """Whether a change puts something into host memory."""
    return change.option == "offload" and change.value != "none"


def _combinations(run: ModelRun, *, offload: bool) -> Iterator[Changes]:
    """Every choice of at most one change from each rung."""
    unlocked = run
    for change in _LOCKS:
        unlocked = applied(unlocked, change) if is_possible(unlocked, change) else unlocked
    rungs: list[list[Changes]] = []
    for rung in _LADDER:
        usable = [
            (change,)
            for change in rung
            if (offload or not moves_to_host(change))
            and (is_possible(run, change) or is_possible(unlocked, change))
        ]
        rungs.append([(), *usable])
    for picked in product(*rungs):
        changes = tuple(chain.from_iterable(picked))
        if changes:
            yield changes


def _cost(changes: Changes) -> tuple[int, int, int, int]:
    """What a combination costs, the worst first: quality, traffic, recomputation, effort."""
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

    def fits(micro_batch: int, seq_len: int) -> bool:
        memory = memory_of(run.resized(micro_batch=micro_batch, seq_len=seq_len))
        return memory is not None and bool(memory.fits_accumulated)

    piece = run.sequence_piece
    pieces = _largest(lambda count: fits(micro_batch, count * piece), longest // piece)
    return Largest(
        _largest(lambda size: fits(size, seq_len), most),
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
