"""Peaks of the caching allocator by phase of a step.

PyTorch keeps one peak of each amount; it is read and reset at each edge of a phase. What the
program itself asks of ``torch.cuda`` about its peaks stays what it would be without us.
"""

import time
from typing import Any, NamedTuple

import torch

_AMOUNTS = ("allocated_bytes", "reserved_bytes", "active_bytes", "requested_bytes")
_statistics = torch.cuda.memory_stats


class Span(NamedTuple):
    """One stretch of a phase, as the allocator counts."""

    phase: str
    """start, forward, backward, optimizer_step or outside."""
    step: int
    """The step it belongs to, from 1; 0 before the first."""
    ended_us: float
    allocated_bytes: int
    peak_allocated_bytes: int
    peak_requested_bytes: int
    peak_reserved_bytes: int


class Memory:
    """The stretches of a program, in order."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._peaks_of_the_program = dict.fromkeys(_AMOUNTS, 0)
        self._take_over()

    def end(self, phase: str, step: int) -> None:
        """A stretch of ``phase`` ends here."""
        if not torch.cuda.is_initialized():
            return
        now = self._note()
        self.spans.append(
            Span(
                phase,
                step,
                time.time() * 1e6,
                now.get("allocated_bytes.all.current", 0),
                now.get("allocated_bytes.all.peak", 0),
                now.get("requested_bytes.all.peak", 0),
                now.get("reserved_bytes.all.peak", 0),
            )
        )
        torch._C._cuda_resetPeakMemoryStats(torch.cuda.current_device())

    def _note(self) -> dict[str, Any]:
        now = _statistics()
        peaks = self._peaks_of_the_program
        for amount in peaks:
            peaks[amount] = max(peaks[amount], now.get(f"{amount}.all.peak", 0))
        return now

    def _take_over(self) -> None:
        """Answer the program's own questions for its peaks."""

        def statistics(*_: Any, **__: Any) -> dict[str, Any]:
            now = self._note()
            for amount, most in self._peaks_of_the_program.items():
                now[f"{amount}.all.peak"] = most
            return now

        def reset(*_: Any, **__: Any) -> None:
            now = self._note()
            for amount in self._peaks_of_the_program:
                self._peaks_of_the_program[amount] = now.get(f"{amount}.all.current", 0)

        own = {
            "memory_stats": statistics,
            "max_memory_allocated": lambda *_, **__: statistics()["allocated_bytes.all.peak"],
            "max_memory_reserved": lambda *_, **__: statistics()["reserved_bytes.all.peak"],
            "reset_peak_memory_stats": reset,
            "reset_max_memory_allocated": reset,
        }
        for module in (torch.cuda, torch.cuda.memory):
            for name, function in own.items():
                setattr(module, name, function)
