"""CPU time of the command line beside importing its libraries, as ratios in one run.

    python tests/benchmarks/startup.py

The yardstick imports typer, pydantic and yaml and defines one model in the same
interpreter. ``compare -o json`` is meant to stay below 1.7 of it.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

YARDSTICK = """
import typer, pydantic, yaml
class Model(pydantic.BaseModel):
    size: int
    name: str = "x"
"""

COMMANDS = {
    "--version": ["--version"],
    "--help": ["--help"],
    "compare -o json": ["compare", "--gpu", "4070ti", "--model", "gpt2-xl", "-o", "json"],
    "compare": ["compare", "--gpu", "4070ti", "--model", "gpt2-xl"],
    "gpus": ["gpus"],
}

REPEATS = 9


def cpu_s(arguments: list[str]) -> float:
    """Median CPU seconds (user and system) of running Python with ``arguments``."""
    spent = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent)


def main() -> None:
    """Print CPU milliseconds and the ratio to the yardstick."""
    yardstick = cpu_s(["-c", YARDSTICK])
    print(f"{'yardstick':<18}{yardstick * 1e3:8.0f} ms")
    for name, arguments in COMMANDS.items():
        spent = cpu_s(["-m", "gptbudget", *arguments])
        print(f"{name:<18}{spent * 1e3:8.0f} ms{spent / yardstick:8.2f} x")


if __name__ == "__main__":
    main()
