"""The largest micro-batch and the longest sequence that fit the card."""

from collections.abc import Callable
from typing import NamedTuple

from gptbudget.run.estimate import memory_of
from gptbudget.run.run import ModelRun

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
