"""What would be started as a process of its own, and is run in this one instead.

``torchrun``, ``accelerate launch``, ``deepspeed`` and the programs that call them (``trl``,
``axolotl``, ``llamafactory-cli``, ``swift``) are run as they are, with their own reading of their
command line. Where they would start processes, :class:`StartedError` says of what.
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_OWN_MODULES = ("torch.distributed.run", "torch.distributed.launch")
_TOOLS = ("torch", "pip", "multiprocessing", "compileall", "nltk")
"""Modules that are run on the side, and are no training."""
_LAUNCHERS = ("torchrun", "accelerate", "deepspeed")


class Launched(NamedTuple):
    """A program, and how many processes of it there would be."""

    arguments: list[str]
    """A script and its arguments, or ``-m`` and a module."""
    processes: int


class StartedError(BaseException):
    """Unwinds what would have started processes."""

    def __init__(self, launched: Launched) -> None:
        super().__init__(launched.arguments)
        self.launched = launched


def watch(spawn: Callable[[Any, Any, int], Any]) -> None:
    """Read what is started from here on.

    Args:
        spawn: Called with a function, its arguments and a number of processes that
            ``torch.multiprocessing.spawn`` would call it in.
    """
    import torch.distributed.run as elastic
    import torch.multiprocessing

    def spawn_one(function: Any, args: Any = (), nprocs: int = 1, *_: Any, **__: Any) -> None:
        spawn(function, args, nprocs)

    elastic.run = _elastic
    subprocess.Popen = _process(subprocess.Popen)  # type: ignore[misc]
    torch.multiprocessing.spawn = spawn_one
    torch.multiprocessing.start_processes = spawn_one


def _elastic(options: Any) -> None:
    """What ``torchrun`` would start."""
    import torch.distributed.run as elastic

    _, most = elastic.parse_min_max_nnodes(options.nnodes)
    per_node = elastic.determine_local_world_size(options.nproc_per_node)
    module = ["-m"] if options.module else []
    program = [*module, options.training_script, *options.training_script_args]
    raise StartedError(Launched(program, most * per_node))


def _process(real: Any) -> Any:
    """A ``Popen`` that starts everything but training programs.

    A program whose output the caller reads itself is none: it answers a question.
    """

    class Popen(real):
        def __init__(self, command: Any, *arguments: Any, **named: Any) -> None:
            launched = None
            is_read = named.get("stdout") == subprocess.PIPE
            if isinstance(command, list | tuple) and not named.get("shell") and not is_read:
                launched = _program([str(word) for word in command])
            if launched is None:
                super().__init__(command, *arguments, **named)
                return
            os.environ.update(named.get("env") or {})
            raise StartedError(launched)

    return Popen


def _program(words: list[str]) -> Launched | None:
    """The training program that a command line starts; ``None`` where it starts anything else."""
    name, rest = Path(words[0]).name, words[1:]
    if name in _LAUNCHERS:
        return Launched([shutil.which(words[0]) or words[0], *rest], 1)
    if not name.startswith("python"):
        return None
    while rest and rest[0] in {"-u", "-B", "-O"}:
        rest = rest[1:]
    if rest[:2] == ["-m", "deepspeed.launcher.launch"]:
        return _of_deepspeed(rest[2:])
    if rest[:1] == ["-m"]:
        module = rest[1]
        is_tool = module.split(".")[0] in _TOOLS and module not in _OWN_MODULES
        return None if is_tool else Launched(rest, _processes())
    if not rest or not rest[0].endswith(".py") or "/torch/" in rest[0]:
        return None
    return Launched(rest, _processes())


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE") or os.environ.get("NPROC_PER_NODE") or "1")


def _of_deepspeed(words: list[str]) -> Launched:
    """The program behind the options of DeepSpeed's own launcher."""
    place = next(i for i, word in enumerate(words) if not word.startswith("--"))
    options, script, rest = words[:place], words[place], words[place + 1 :]
    world = next(word.partition("=")[2] for word in options if word.startswith("--world_info="))
    nodes = json.loads(base64.urlsafe_b64decode(world))
    module = ["-m"] if "--module" in options else []
    local = [] if "--no_local_rank" in options else ["--local_rank=0"]
    return Launched([*module, script, *local, *rest], sum(len(cards) for cards in nodes.values()))
