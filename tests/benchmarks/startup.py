"""CPU time of the command line beside importing its libraries, as ratios in one run.

    python tests/benchmarks/startup.py

The yardstick imports typer, pydantic and yaml and defines one model in the same
interpreter; that of a completion completes an option of an empty Typer app. Each is followed by
what the ratio is meant to stay below.
"""

from __future__ import annotations

import os
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

EMPTY_APP = """
import typer
app = typer.Typer()
@app.command()
def one(name: str) -> None: ...
@app.command()
def two(name: str) -> None: ...
app(prog_name="gptbudget")
"""

QUESTION = ["compare", "--gpu", "4070ti", "--model", "gpt2-xl"]

COMMANDS = {
    "--version": (["--version"], ""),
    "--help": (["--help"], ""),
    "compare -o json": ([*QUESTION, "-o", "json"], "1.35"),
    "compare": (QUESTION, "1.6"),
    "gpus": (["gpus"], ""),
}

COMPLETIONS = {
    "a command": "gptbudget ",
    "an option": "gptbudget compare --",
    "a GPU": "gptbudget compare --gpu rtx",
    "a model": "gptbudget compare --model gpt",
}

REPEATS = 9
_NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"


def cpu_s(arguments: list[str], **environment: str) -> float:
    """Median CPU seconds (user and system) of running Python with ``arguments``.

    Byte code is kept, as it is of an installed package, and the first run that writes it is not
    the median.
    """
    inherited = {key: value for key, value in os.environ.items() if key != _NO_BYTE_CODE}
    spent = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**inherited, **environment},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent)


def asking(shell: str, line: str) -> dict[str, str]:
    """The environment in which a shell asks for completions of ``line``."""
    words = line.split(" ")
    own = {"_GPTBUDGET_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    if shell == "bash":
        return {**own, "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    return {**own, "_TYPER_COMPLETE_ARGS": line}


def report(name: str, spent_s: float, yardstick_s: float, wanted: str = "") -> None:
    """One line: milliseconds, the ratio, and what it is meant to stay below."""
    print(f"{name:<18}{spent_s * 1e3:8.0f} ms{spent_s / yardstick_s:8.2f} x  {wanted}")


def main() -> None:
    """Print CPU milliseconds and the ratios to the yardsticks."""
    yardstick = cpu_s(["-c", YARDSTICK])
    report("yardstick", yardstick, yardstick)
    for name, (arguments, wanted) in COMMANDS.items():
        report(name, cpu_s(["-m", "gptbudget", *arguments]), yardstick, wanted)
    for shell in ("bash", "zsh", "fish"):
        empty = cpu_s(["-c", EMPTY_APP], **asking(shell, "gptbudget one --"))
        report(f"{shell}: empty app", empty, empty)
        for name, line in COMPLETIONS.items():
            report(
                f"{shell}: {name}", cpu_s(["-m", "gptbudget"], **asking(shell, line)), empty, "1.3"
            )


if __name__ == "__main__":
    main()
