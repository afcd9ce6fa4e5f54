"""A program on the stand-ins: started, watched, and its report read."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from gptbudget.core.memory.overhead import CONTEXT_BYTES, collective_bytes
from gptbudget.dryrun.environment import Environment, find_environment, is_python, python_of
from gptbudget.dryrun.stand_ins import StandIns, build
from gptbudget.errors import UsageError
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout

_PROGRAM = Path(__file__).parent / "program"
_RANKS_OF_A_NODE = 8
_NO_LIMIT_GIB = 8192.0
_QUIET = {
    "WANDB_MODE": "disabled",
    "COMET_MODE": "DISABLED",
    "CLEARML_OFFLINE_MODE": "1",
    "NEPTUNE_MODE": "debug",
    "MLFLOW_TRACKING_URI": "file:/dev/null",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Services that a program logs to stay silent."""
_ALWAYS = {
    "TORCH_CUDNN_SDPA_DEPRIORITIZED": "1",
    "TORCH_NCCL_ENABLE_MONITORING": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
"""cuDNN's attention needs plans that only the real library makes; flash attention keeps as much."""


class Asked(NamedTuple):
    """What is to be run, and as what."""

    command: tuple[str, ...]
    gpu: GpuSpec
    gpus: int | None = None
    """How many processes there would be; ``None``: as the command's launcher says, or one."""
    rank: int = 0
    python: Path | None = None
    timeout_s: float | None = None
    allow_writes: bool = False
    snapshot: Path | None = None
    """Where PyTorch's memory history is written to."""


class DryRun(NamedTuple):
    """What a run told."""

    asked: Asked
    environment: Environment
    report: Mapping[str, Any]
    """As ``program/run.py`` writes it; without ``at_peak`` where nothing was reached."""
    timed_out: bool
    exit_code: int

    @property
    def usable_bytes(self) -> float:
        """What the card leaves to PyTorch of as many processes as there would be."""
        return usable_bytes(self.asked._replace(gpus=self.report.get("world_size")))


def dry_run(asked: Asked, starting: Callable[[], None] | None = None) -> DryRun:
    """Run the program until its second optimizer step has ended.

    ``starting`` is called once all that could be refused has been looked at.

    Raises:
        UsageError: the command, its Python or its PyTorch cannot be used.
        GptBudgetError: the stand-ins cannot be built.
    """
    if not asked.command:
        raise UsageError("no program is given", "write it behind --: -- python train.py")
    python = asked.python or python_of(asked.command)
    environment = find_environment(python)
    libraries = build(
        environment.own_libraries(),
        environment.libraries_beside(),
        environment.sources(),
        environment.cuda_major,
    )
    variables = _variables(asked, libraries)
    with tempfile.TemporaryDirectory(prefix="gptbudget-") as scratch:
        written, settings = Path(scratch) / "report.json", Path(scratch) / "settings.json"
        settings.write_text(
            json.dumps(
                {
                    "report": str(written),
                    "rank": asked.rank,
                    "world_size": asked.gpus or 0,
                    "allow_writes": asked.allow_writes,
                    "snapshot": str(asked.snapshot.absolute()) if asked.snapshot else None,
                }
            ),
            encoding="utf-8",
        )
        if starting is not None:
            starting()
        timed_out, code = _execute(
            [str(environment.python), str(_PROGRAM), str(settings), *_arguments(asked.command)],
            variables,
            asked.timeout_s,
        )
        report: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            report = json.loads(written.read_text(encoding="utf-8"))
    if "refused" in report:
        raise UsageError(report["refused"], "count ranks from 0, and give --gpus")
    return DryRun(asked, environment, report, timed_out, code)


def without_limit(run: DryRun) -> DryRun | None:
    """The same program on a card without limit, where it ran out of memory on its own."""
    error = run.report.get("error")
    if not error or not error["out_of_memory"]:
        return None
    gpu = run.asked.gpu.model_copy(update={"memory_reported_gib": _NO_LIMIT_GIB})
    return dry_run(run.asked._replace(gpu=gpu))


def usable_bytes(asked: Asked) -> float:
    """What the card leaves to PyTorch: less the driver's context, and NCCL's buffers of several.

    Raises:
        UsageError: nobody says how much memory the card has, or it is no CUDA card.
    """
    gpu = asked.gpu
    if gpu.memory_bytes is None or gpu.compute_capability is None:
        raise UsageError(
            f"{gpu.name} has no known memory or no compute capability, which a dry run needs",
            "add memory_gib and compute_capability to its entry of the catalog",
        )
    several = collective_bytes(Layout(dp=asked.gpus or 1))
    return float(gpu.memory_bytes - CONTEXT_BYTES - several)


def _arguments(command: tuple[str, ...]) -> list[str]:
    """What Python is to run: a script and its arguments, or ``-m`` and a module."""
    words = list(command)
    if is_python(words[0]):
        words = words[1:]
        while words and words[0] in {"-u", "-O", "-B", "-s", "-E", "-I"}:
            words = words[1:]
        if not words or words[0] == "-c":
            raise UsageError("dry-run runs a script or a module", "write -- python train.py")
        return words
    return [shutil.which(words[0]) or words[0], *words[1:]]


def _variables(asked: Asked, libraries: StandIns) -> dict[str, str]:
    """The environment of the process: the card, and the rank that it plays."""
    gpu = asked.gpu
    major, _, minor = (gpu.compute_capability or "0.0").partition(".")
    taken = float(gpu.memory_bytes or 0) - usable_bytes(asked)
    world = asked.gpus or 1
    return {
        **os.environ,
        **_ALWAYS,
        **({} if asked.allow_writes else _QUIET),
        "LD_PRELOAD": libraries.preload(),
        "TRITON_LIBCUDA_PATH": str(libraries.folder),
        "DRYRUN_NAME": gpu.nvml.names[0] if gpu.nvml else gpu.name,
        "DRYRUN_CARD_BYTES": str(int(gpu.memory_bytes or 0)),
        "DRYRUN_TAKEN_BYTES": str(int(taken)),
        "DRYRUN_MAJOR": major,
        "DRYRUN_MINOR": minor or "0",
        "DRYRUN_PROCESSORS": str(int(gpu.multiprocessors or 108)),
        "DRYRUN_DEVICES": str(min(world, _RANKS_OF_A_NODE)),
    }


def _execute(
    command: list[str], variables: Mapping[str, str], timeout_s: float | None
) -> tuple[bool, int]:
    """Run to the end or to the time limit; what the program prints goes to standard error."""
    with subprocess.Popen(  # noqa: S603 - the program that the user wrote behind --
        command, env=dict(variables), stdout=2, start_new_session=True
    ) as process:
        try:
            return False, process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return True, process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the program and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
