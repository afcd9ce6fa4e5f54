"""Enumerate the layouts that a search tries, as arrays over the degrees of parallelism.

Layouts that differ in kind (with a pipeline or without, by stage of ZeRO) are programs of their
own; within one, everything that is a number is an axis.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

from gptbudget.core.memory.placement import ENDS_AS_LAYERS
from gptbudget.run.complete import GPUS_WITHOUT_LOSS
from gptbudget.run.machine import GPUS_PER_NODE
from gptbudget.specs.layout import Zero
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import Options
from gptbudget.specs.stack import Split, Stack

_LEAST_TOKENS_OF_A_RANK = 1024
_MOST_CONTEXT_RANKS, _MOST_TENSOR_RANKS, _MOST_CHUNKS = 64, 64, 32
"""Upper limits of searched degrees; no published run exceeds them. A given one may."""

_MOST_COUNTS = 64
_FINEST_STEP = 16
"""In a long range, counts are about 1/16 apart."""

_MICRO_BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)

Pipeline = Literal["none", "two", "more"]


class Axes(NamedTuple):
    """The values of each axis of a program; every combination is a candidate."""

    pipelines: tuple[tuple[int, int], ...]
    """Stages, and chunks of each."""
    tp: tuple[int, ...]
    cp: tuple[int, ...]
    micro_batch: tuple[int, ...]
    gpus: tuple[int, ...]


class LayoutFamily(NamedTuple):
    """A set of layouts evaluated as one array; these fields are the same for all of them."""

    pipeline: Pipeline
    zero: Zero | None
    """``None`` on one GPU."""
    sequence_parallel: bool
    ep: int
    axes: Axes


def counts_of(first: int, last: int) -> list[int]:
    """Return the GPU counts to try from ``first`` to ``last``: all of a short range.

    Of a longer one every one in a node, then whole nodes, and both ends; of a long one whole nodes
    are about a sixteenth apart, powers of two among them.

    Example:
        >>> counts_of(6, 9)
        [6, 7, 8, 9]
    """
    if last - first < _MOST_COUNTS:
        return list(range(first, last + 1))
    small = range(first, min(last, GPUS_PER_NODE) + 1)
    nodes = [n for n in range(GPUS_PER_NODE, last + 1, GPUS_PER_NODE) if n >= first]
    if len(nodes) > _MOST_COUNTS:
        nodes = [n for n in nodes if n % _step(n) == 0]
    return sorted({first, last, *small, *nodes})


def _step(count: int) -> int:
    """Return the step between counts: a power of two, 1/32 to 1/16 of ``count``."""
    sixteenth = max(1, count // _FINEST_STEP)
    return max(GPUS_PER_NODE, 1 << (sixteenth.bit_length() - 1))


def kinds(
    model: ModelSpec, options: Options, counts: Sequence[int], seq_len: int, stack: Stack
) -> Iterator[LayoutFamily]:
    """Yield every layout family for these GPU counts; no layout is in two families."""
    batches = (options.micro_batch,) if options.micro_batch else _MICRO_BATCHES
    given = (options.dp, options.tp, options.pp, options.cp, options.ep)
    if 1 in counts and all(degree in {None, 1} for degree in given):
        yield LayoutFamily("none", None, False, 1, Axes(((1, 1),), (1,), (1,), batches, (1,)))  # noqa: FBT003
    several = [count for count in counts if count > 1]
    tensor = tensor_degrees(model, options, several)
    context = context_degrees(options, seq_len, several)
    for pipeline, shapes in _alike(model, options, pipelines(model, options, several, stack)):
        for tp in ([1], [degree for degree in tensor if degree > 1]):
            for gpus in _by_software(several, cut=pipeline != "none" or tp != [1]):
                axes = Axes(tuple(shapes), tuple(tp), tuple(context), batches, tuple(gpus))
                if not all(axes) or not set(tp) <= set(tensor):
                    continue
                yield from _of_axes(model, options, pipeline, axes)


def _alike(
    model: ModelSpec, options: Options, shapes_of: Mapping[Pipeline, Sequence[tuple[int, int]]]
) -> Iterator[tuple[Pipeline, Sequence[tuple[int, int]]]]:
    """Group pipelines that share one array; where blocks differ, long ones are alone."""
    frozen = (options.method or "").startswith("frozen")
    differ = frozen or (model.dense_layers and model.expert_layers)
    for pipeline, shapes in shapes_of.items():
        if pipeline == "more" and differ:
            yield from ((pipeline, [shape]) for shape in shapes)
        else:
            yield pipeline, shapes


def _of_axes(
    model: ModelSpec, options: Options, pipeline: Pipeline, axes: Axes
) -> Iterator[LayoutFamily]:
    zeros: tuple[Any, ...] = (0, 1, 2, 3) if options.zero is None else (options.zero,)
    by_position: tuple[bool, ...] = (False, True)
    if options.sequence_parallel is not None:
        by_position = (options.sequence_parallel,)
    experts = expert_degrees(model, options, max(axes.gpus))
    for zero, sequence_parallel, ep in product(zeros, by_position, experts):
        if not (sequence_parallel and axes.tp == (1,)):
            yield LayoutFamily(pipeline, zero, sequence_parallel, ep, axes)


def _by_software(counts: Sequence[int], *, cut: bool) -> Iterator[list[int]]:
    """Group counts with the same default stack, which depends on them if nothing is cut."""
    few = [count for count in counts if count <= GPUS_WITHOUT_LOSS]
    for group in [list(counts)] if cut else [few, counts[len(few) :]]:
        if group:
            yield list(group)


def divisors(number: int) -> list[int]:
    """Every divisor, ascending.

    Example:
        >>> divisors(12)
        [1, 2, 3, 4, 6, 12]
    """
    return [each for each in range(1, number + 1) if number % each == 0]


def _divides_one(degree: int, counts: Sequence[int]) -> bool:
    return any(count % degree == 0 for count in counts)


def tensor_degrees(model: ModelSpec, options: Options, counts: Sequence[int]) -> list[int]:
    """Degrees that divide heads, key-value heads and the feed-forward network."""
    if options.tp:
        return [options.tp]
    shared = math.gcd(model.attention.heads, model.kv_heads, model.ffn_width)
    return [tp for tp in divisors(shared) if tp <= _MOST_TENSOR_RANKS and _divides_one(tp, counts)]


def context_degrees(options: Options, seq_len: int, counts: Sequence[int]) -> list[int]:
    """Powers of two that leave each rank at least 1,024 tokens of the sequence."""
    if options.cp:
        return [options.cp]
    largest = min(seq_len // _LEAST_TOKENS_OF_A_RANK, _MOST_CONTEXT_RANKS)
    powers = (2**exponent for exponent in range(max(largest, 1).bit_length()))
    return [cp for cp in powers if cp == 1 or (seq_len % cp == 0 and _divides_one(cp, counts))]


def pipelines(
    model: ModelSpec, options: Options, counts: Sequence[int], stack: Stack
) -> dict[Pipeline, list[tuple[int, int]]]:
    """Stages and their chunks, by kind of pipeline; chunks have equal numbers of blocks."""
    shapes: dict[Pipeline, list[tuple[int, int]]] = {"none": [], "two": [], "more": []}
    most = min(model.layers, max(counts, default=0))
    for pp in [options.pp] if options.pp else range(1, most + 1):
        if not options.pp and not _divides_one(pp, counts):
            continue
        kind: Pipeline = "none" if pp == 1 else "two" if pp == 2 else "more"  # noqa: PLR2004
        shapes[kind] += [(pp, vp) for vp in _chunks(model, pp, options, stack)]
    return shapes


def _even(model: ModelSpec, pieces: int, split: Split) -> bool:
    ends = split == "ends" and (model.layers + ENDS_AS_LAYERS) % pieces == 0
    return model.layers % pieces == 0 or ends or split == "cost"


def _chunks(model: ModelSpec, pp: int, options: Options, stack: Stack) -> list[int]:
    least = stack.interleaves_from
    if options.pp and options.vp:
        return [options.vp]
    if pp == 1 or least is None or pp < least:
        return [1] if options.vp in {None, 1} else []
    ends = ENDS_AS_LAYERS if stack.split == "ends" else 0
    most = min((model.layers + ends) // pp, _MOST_CHUNKS)
    even = [1, *(vp for vp in range(2, most + 1) if _even(model, pp * vp, stack.split))]
    return [vp for vp in even if options.vp in {None, vp}]


def expert_degrees(model: ModelSpec, options: Options, most: int) -> list[int]:
    """Degrees that divide the experts."""
    if options.ep:
        return [options.ep]
    if model.experts is None:
        return [1]
    return [ep for ep in divisors(model.experts.count) if ep <= most]
