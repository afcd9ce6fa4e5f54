"""Runs the program under watch, and writes down what was seen."""

import json
import os
import runpy
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch

from . import alive, card, launchers, peers, quiet
from .memory import Memory
from .owners import owners
from .steps import Steps
from .tokens import Tokens
from .values import Reads, keep_values

_STEPS = 2
_WAITS = 64
"""Phases at whose end collectives are let finish; a program with many micro-batches has more."""


class Settings(NamedTuple):
    """What the command asks of the run."""

    report: str
    rank: int
    world_size: int
    allow_writes: bool
    snapshot: str | None


class Watch:
    """One watched run of a program."""

    def __init__(self, settings: Settings, world: peers.World) -> None:
        self._settings = settings
        self._world = world
        self._started = time.monotonic()
        self._memory = Memory()
        self._steps = Steps(self._phase_ended, self._step_ended)
        self._owned: list[alive.Owned] = []
        self._measured = False
        self._tokens = Tokens(lambda: self._steps.phase != "backward")
        self._reads = Reads()
        self._report: dict[str, Any] = {"torch": torch.__version__, "error": None}
        self._refusals: list[dict[str, Any]] = []
        torch._C._cuda_attach_out_of_memory_observer(self._refused)
        alive.watch()
        keep_values(self._reads)

    def _phase_ended(self, phase: str, step: int) -> None:
        if len(self._memory.spans) < _WAITS:
            peers.let_watchdog_pass()
        self._memory.end(phase, step)
        if phase == "optimizer_step":
            tokens = self._tokens.since_the_last()
            self._report["tokens_per_step"] = tokens or self._report.get("tokens_per_step")

    def _step_ended(self, step: int) -> None:
        owned = owners(self._steps.optimizers)
        self._owned.append(alive.Owned(time.time() * 1e6, owned))
        if step == _STEPS:
            self._measured = True
            self.finish()

    def _refused(self, device: int, asked: int, total: int, free: int) -> None:
        """The card is full: who asked, and for how much."""
        del device, total
        line = alive.line_of_frames(traceback.extract_stack())
        self._refusals.append(
            {"bytes": asked, "free_bytes": free, "line": line, "phase": self._steps.phase}
        )

    def failed(self, error: BaseException) -> None:
        """The program raised an error of its own, or ran out of memory."""
        self._memory.end(self._steps.phase, self._steps.step)
        out_of_memory = isinstance(error, torch.OutOfMemoryError)
        if not out_of_memory:
            traceback.print_exception(error)
        self._report["error"] = {
            "type": type(error).__name__,
            "out_of_memory": out_of_memory,
            "message": str(error)[:2000],
            "line": alive.line_of_frames(traceback.extract_tb(error.__traceback__)),
        }

    def stopped(self, _: int, frame: FrameType | None) -> None:
        """The time limit is reached: say where the program is, and what was seen."""
        self._report["error"] = {
            "type": "Timeout",
            "out_of_memory": False,
            "message": "",
            "line": alive.line_of_frames(traceback.extract_stack(frame)),
        }
        self.finish()

    def finish(self) -> None:
        """Write the report and end the process."""
        world = self._world
        if world.rank >= world.size:
            self._report["refused"] = f"rank {world.rank} is none of {world.size} processes"
        if not self._measured:
            self._measured = True
            self._steps.finish()
            self._memory.end(self._steps.phase, self._steps.step)
        report = self._report | self._seen()
        if self._settings.snapshot and torch.cuda.is_initialized():
            torch.cuda.memory._dump_snapshot(self._settings.snapshot)
        Path(self._settings.report).write_text(json.dumps(report), encoding="utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def _seen(self) -> dict[str, Any]:
        spans = self._memory.spans
        events = alive.history()
        peak = alive.replay(events, self._owned) if events else None
        pinned, pinned_peak = card.pinned_bytes()
        return {
            "steps": self._steps.ended,
            "spans": [span._asdict() for span in spans],
            "at_peak": alive.summary(peak, spans) if peak and spans else None,
            "refusals": self._refusals,
            "world_size": self._world.size,
            "driver_peak_bytes": card.driver_peak_bytes(),
            "pinned_bytes": pinned,
            "pinned_peak_bytes": pinned_peak,
            "shared_peak_bytes": card.shared_peak_bytes(),
            "pageable_peak_bytes": card.pageable_peak_bytes(),
            "reads": self._reads.rows(),
            "routed": self._reads.routed,
            "without_effect": card.functions_without_effect() + sorted(quiet.skipped),
            "seconds": round(time.monotonic() - self._started, 1),
        }


def main(settings_file: str, arguments: list[str]) -> None:
    """Run the program that ``arguments`` name, as Python would."""
    settings = Settings(**json.loads(Path(settings_file).read_text(encoding="utf-8")))
    if not settings.allow_writes:
        quiet.keep_from_writing()
    quiet.skip_initialisers()
    quiet.load_null_extensions()
    quiet.prefer_flash_attention()
    world = peers.World(settings.rank)
    if settings.world_size > 1:
        world.resize(settings.world_size)

    def spawn(function: Any, args: Any, processes: int) -> None:
        world.resize(settings.world_size or processes)
        function(world.rank, *args)

    launchers.watch(spawn)
    watch = Watch(settings, world)
    signal.signal(signal.SIGTERM, watch.stopped)
    try:
        if settings.world_size and settings.rank >= settings.world_size:
            watch.finish()
        _run(arguments)
    except launchers.StartedError as started:
        world.resize(settings.world_size or started.launched.processes)
        settings = settings._replace(world_size=world.size)
        _start_anew(settings, started.launched.arguments, settings_file)
    except SystemExit as end:
        if end.code not in (None, 0):
            watch.failed(end)
    except BaseException as error:  # noqa: BLE001 - whatever the program raises is its own
        watch.failed(error)
    watch.finish()


def _start_anew(settings: Settings, arguments: list[str], settings_file: str) -> None:
    """Become the process that a launcher would have started, in the environment it has set."""
    Path(settings_file).write_text(json.dumps(settings._asdict()), encoding="utf-8")
    sys.stdout.flush()
    program = [sys.executable, str(Path(__file__).parent), settings_file, *arguments]
    os.execv(sys.executable, program)  # noqa: S606 - the program's own Python


def _run(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).resolve().parent)
        runpy.run_path(arguments[0], run_name="__main__")
