"""What is alive at the peak: PyTorch's memory history, replayed."""

import sysconfig
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import FrameSummary
from types import FrameType
from typing import Any, NamedTuple

import torch

from .memory import Span

_ENTRIES = 4_000_000
_LARGEST = 12
_NOT_THE_PROGRAM = ("/torch/", "/dryrun/program/", "<frozen")
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")


class Owned(NamedTuple):
    """What memory belonged to at one moment."""

    at_us: float
    kinds: Mapping[int, str]
    """Address of the memory -> parameters, gradients, optimizer_states or buffers."""


class Block(NamedTuple):
    """A piece of device memory: the events that took it and gave it back."""

    taken: Mapping[str, Any]
    given_back_us: float
    kind: str | None
    """What owns it, where a module or an optimizer does."""


class Replay(NamedTuple):
    """The blocks alive at the peak, and the moment of it."""

    at_us: float
    bytes: int
    blocks: list[Block]


def watch() -> None:
    """Write down every allocation from here on, with the lines of Python that made it."""
    torch.cuda.memory._record_memory_history(
        enabled="all", context="alloc", stacks="python", max_entries=_ENTRIES
    )


def history() -> list[dict[str, Any]]:
    """The events of the current card so far, in order."""
    if not torch.cuda.is_initialized():
        return []
    traces: list[list[dict[str, Any]]] = torch.cuda.memory._snapshot()["device_traces"]
    return traces[torch.cuda.current_device()]


def replay(events: Sequence[Mapping[str, Any]], owned: Sequence[Owned]) -> Replay:
    """Play the events; of equal peaks the last counts, which has optimizer states."""
    blocks: list[Block] = []
    lives: dict[int, int] = {}  # address -> place in blocks
    waiting = list(owned)
    now = most = 0
    at_us, alive = 0.0, []
    for event in events:
        while waiting and event["time_us"] > waiting[0].at_us:
            _name(blocks, lives, waiting.pop(0))
        if event["action"] == "alloc":
            lives[event["addr"]] = len(blocks)
            blocks.append(Block(event, float("inf"), None))
            now += event["size"]
            if now >= most:
                at_us, most, alive = event["time_us"], now, list(lives.values())
        elif event["action"] == "free_completed" and event["addr"] in lives:
            place = lives.pop(event["addr"])
            blocks[place] = blocks[place]._replace(given_back_us=event["time_us"])
            now -= blocks[place].taken["size"]
    for each in waiting:
        _name(blocks, lives, each)
    return Replay(at_us, most, [blocks[place] for place in alive])


def _name(blocks: list[Block], lives: Mapping[int, int], owned: Owned) -> None:
    for address, kind in owned.kinds.items():
        place = lives.get(address)
        if place is not None and blocks[place].kind is None:
            blocks[place] = blocks[place]._replace(kind=kind)


def summary(peak: Replay, spans: Sequence[Span]) -> dict[str, Any]:
    """The phase of the peak, what is alive by kind, and the lines that made most of it."""
    ends = [span.ended_us for span in spans]

    def span_at(moment_us: float) -> Span:
        return spans[min(bisect_left(ends, moment_us), len(spans) - 1)]

    alive: dict[str, int] = {}
    groups: dict[tuple[str, str, int], int] = {}
    for block in peak.blocks:
        kind = block.kind or _kind(block, span_at(block.taken["time_us"]), spans[-1].step)
        size = block.taken["size"]
        alive[kind] = alive.get(kind, 0) + size
        group = (kind, _line(block.taken), size)
        groups[group] = groups.get(group, 0) + 1
    largest = sorted(groups.items(), key=lambda item: -item[0][2] * item[1])[:_LARGEST]
    return {
        "requested_bytes": peak.bytes,
        "phase": span_at(peak.at_us).phase,
        "step": span_at(peak.at_us).step,
        "alive": dict(sorted(alive.items(), key=lambda item: -item[1])),
        "largest": [
            {"bytes": size * count, "count": count, "kind": kind, "line": line}
            for (kind, line, size), count in largest
        ],
    }


def _kind(block: Block, taken_in: Span, last_step: int) -> str:
    """What a block is that no module and no optimizer owns.

    What outlives the forward pass that made it is kept for the backward pass. What was there before
    the last step and is still there at its end is neither: a workspace, or held by the program.
    """
    if taken_in.step < last_step and block.given_back_us == float("inf"):
        return "other"
    if taken_in.phase == "forward" and block.given_back_us > taken_in.ended_us:
        return "activations"
    return "other" if taken_in.phase == "start" else "temporaries"


def _line(event: Mapping[str, Any]) -> str:
    """The line of the program that asked, outside of PyTorch."""
    for frame in event.get("frames", ()):
        if _is_the_program(frame["filename"]):
            return _place(frame["filename"], frame["line"])
    return ""


def line_of_frames(frames: Sequence[FrameSummary]) -> str:
    """The innermost line of the program in a stack, outside of PyTorch."""
    for frame in reversed(frames):
        if _is_the_program(frame.filename):
            return _place(frame.filename, frame.lineno)
    return ""


def line_of_frame(frame: FrameType | None) -> str:
    """The line of the program that a running frame was called from, outside of PyTorch."""
    while frame is not None:
        if _is_the_program(frame.f_code.co_filename):
            return _place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


def _place(name: str, line: int | None) -> str:
    """A line as a person reads it: without the folder of packages, and without this one."""
    short = name.rsplit("site-packages/", 1)[-1].removeprefix(f"{Path.cwd()}/")
    return f"{short}:{line}"


def _is_the_program(name: str) -> bool:
    """Whether a file is neither PyTorch's, nor Python's own, nor ours."""
    is_pythons = name.startswith(_STANDARD_LIBRARY) and "site-packages" not in name
    return (
        name.endswith(".py")
        and not is_pythons
        and not any(part in name for part in _NOT_THE_PROGRAM)
    )
