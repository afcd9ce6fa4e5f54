"""Pipeline schedules of Narayanan et al. 2021 (arXiv 2104.04473, section 2.2), played through.

A stage works off a list of passes and exchanges. In an exchange it sends and receives all that it
names at once, and goes on when each of its neighbours has come to the exchange at the other end of
every message.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

FORWARD_S, BACKWARD_S = 1.0, 3.0
"""Of all chunks of a stage; with full recomputation."""


class Pass(NamedTuple):
    """Work on one chunk and micro-batch."""

    seconds: float


class Exchange(NamedTuple):
    """Messages to and from neighbours, among send/take output/gradient."""

    messages: tuple[str, ...]


Program = list[Pass | Exchange]


def one_forward_one_backward(rank: int, stages: int, micro_batches: int) -> Program:
    """The schedule without interleaving."""
    ahead = min(stages - rank - 1, micro_batches)
    forward, backward = Pass(FORWARD_S), Pass(BACKWARD_S)
    program: Program = []
    for _ in range(ahead):
        program += [Exchange(("take output",)), forward, Exchange(("send output",))]
    steady = micro_batches - ahead
    program += [Exchange(("take output",))] if steady else []
    for turn in range(steady):
        last = turn == steady - 1
        program += [forward, Exchange(("send output", "take gradient")), backward]
        program += [Exchange(("send gradient",) if last else ("send gradient", "take output"))]
    for _ in range(ahead):
        program += [Exchange(("take gradient",)), backward, Exchange(("send gradient",))]
    return [_within(step, rank, stages) for step in program]


def interleaved(rank: int, stages: int, chunks: int, micro_batches: int) -> Program:
    """The schedule with chunks: forward ahead, then a pass each way between exchanges."""
    total = chunks * micro_batches
    all_ahead = micro_batches == stages
    ahead = total if all_ahead else min(2 * (stages - rank - 1) + (chunks - 1) * stages, total)
    first, last = rank == 0, rank == stages - 1
    forward, backward = Pass(FORWARD_S / chunks), Pass(BACKWARD_S / chunks)

    def chunk(turn: int) -> int:
        return turn % (stages * chunks) // stages

    def gradient_chunk(turn: int) -> int:
        return chunks - 1 - chunk(turn)

    def sends_output(turn: int) -> bool:
        return not (last and chunk(turn) == chunks - 1)

    def sends_gradient(turn: int) -> bool:
        return not (first and gradient_chunk(turn) == 0)

    def exchange(**messages: bool) -> Exchange:
        return Exchange(
            tuple(name.replace("_", " ") for name, wanted in messages.items() if wanted)
        )

    program: Program = [] if first else [Exchange(("take output",))]
    for turn in range(ahead):
        more = turn < total - 1 and not (first and chunk(turn + 1) == 0)
        joins = turn == ahead - 1 and not all_ahead and not last
        now = exchange(send_output=sends_output(turn), take_output=more, take_gradient=joins)
        program += [forward, now]
    for turn in range(total - ahead):
        new = turn + ahead
        takes = turn < total - ahead - 1 and not (first and chunk(new - stages + 1) == chunks - 1)
        gradient = not (last and gradient_chunk(turn - stages + 1) == 0)
        now = exchange(
            send_output=sends_output(new),
            send_gradient=sends_gradient(turn),
            take_output=takes,
            take_gradient=gradient,
        )
        program += [forward, backward, now]
    program += [Exchange(("take gradient",))] if all_ahead and not last else []
    for turn in range(total - ahead, total):
        more = turn < total - 1 and not (last and gradient_chunk(turn + 1) == chunks - 1)
        program += [backward, exchange(send_gradient=sends_gradient(turn), take_gradient=more)]
    return program


def _within(step: Pass | Exchange, rank: int, stages: int) -> Pass | Exchange:
    """Without messages beyond the ends."""
    if isinstance(step, Pass):
        return step
    beyond = {"take output", "send gradient"} if rank == 0 else set()
    beyond |= {"send output", "take gradient"} if rank == stages - 1 else set()
    return Exchange(tuple(each for each in step.messages if each not in beyond))


def played_s(programs: list[Program], exchange_s: float) -> float:
    """Seconds until the last stage is done, where each exchange takes ``exchange_s``."""
    stages = len(programs)
    clock, at = [0.0] * stages, [0] * stages
    seen: list[Counter[str]] = [Counter() for _ in programs]
    came: dict[tuple[str, int, int, bool], float] = {}
    waiting: list[list[tuple[str, int, int, bool]] | None] = [None] * stages

    def ends(rank: int, message: str) -> tuple[str, int, int, bool]:
        """The message by what it carries, its sender and number, and which end this is."""
        verb, what = message.split()
        number = seen[rank][message]
        seen[rank][message] += 1
        step = -1 if what == "output" else 1
        sender = rank if verb == "send" else (rank + step) % stages
        return what, sender, number, verb == "send"

    moved = True
    while moved:
        moved = False
        for rank, program in enumerate(programs):
            while at[rank] < len(program):
                step = program[at[rank]]
                if isinstance(step, Pass):
                    clock[rank] += step.seconds
                else:
                    mine = waiting[rank]
                    if mine is None:
                        mine = waiting[rank] = [ends(rank, each) for each in step.messages]
                        came.update(dict.fromkeys(mine, clock[rank]))
                        moved = True
                    others = [(*each[:3], not each[3]) for each in mine]
                    if any(each not in came for each in others):
                        break
                    clock[rank] = max([clock[rank], *(came[each] for each in others)])
                    clock[rank] += exchange_s if mine else 0
                    waiting[rank] = None
                at[rank] += 1
                moved = True
    assert at == [len(program) for program in programs], "stages wait for each other for ever"
    return max(clock)
