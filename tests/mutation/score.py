"""How many small faults in the formulas do the tests notice?

Run it as ``python -m tests.mutation.score``. It collects the tests below once, sees which of them
call which function, and then, for each fault of :mod:`tests.mutation.mutants`, forks, puts the
fault in and runs the tests of that function until one fails. ``--seconds`` is a limit for all of
it, with a random sample of the faults where it does not reach; ``--write`` puts the score into
CONTRIBUTING.md; ``--only memory.timeline`` looks at one module. Survivors are listed: each is a
missing test, or a fault that changes no answer.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import Mutant, mutants, put_into, watched

ROOT = Path(__file__).parents[2]
MODULES = ("parameters", "flops", "memory.timeline", "memory.rank", "memory.states", "memory.fsdp")
TESTS = (
    "truth",
    "core/memory",
    "core/test_*_laws.py",
    "published",
    "catalog/huggingface/test_import.py",
)
SLOW = ("*_published_speed.py", "*_megatron_layouts.py", "*_published_memory.py", "*_step_times.py")
"""Tests of the same formulas through hundreds of published runs."""
_LONGEST_S = 60
"""A test that takes longer with a fault in it has noticed it."""

_ENOUGH_S = 15
"""Of computing; a fault that the tests so far let pass has survived."""

_SLOWEST_S = 3
"""A test that takes longer without a fault is left out."""

KILLED, SURVIVED, LATE, UNCALLED = "killed", "survived", "late", "not called"
_BEGIN, _END = "<!-- mutation score -->", "<!-- end -->"


class Outcome(NamedTuple):
    """What became of one fault."""

    module: str
    mutant: Mutant
    end: str


class Scoring:
    """A pytest plugin that runs the collected tests once for each fault."""

    def __init__(self, names: tuple[str, ...], seconds: float) -> None:
        self.names = names
        self.until = time.monotonic() + seconds
        self.outcomes: list[Outcome] = []
        self.possible = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running each test once."""
        session.config.option.tbstyle = "no"  # a failure says nothing but that there is one
        callers = _callers(session, self.names)
        print(f"{len(session.items)} tests", flush=True)
        gc.collect()
        gc.freeze()  # children share what is there
        waiting = [(name, mutant) for name in self.names for mutant in mutants(_source(name))]
        self.possible = len(waiting)
        random.Random(0).shuffle(waiting)
        running: dict[int, tuple[str, Mutant]] = {}
        workers = os.cpu_count() or 1
        while running or (waiting and time.monotonic() < self.until):
            while waiting and len(running) < workers and time.monotonic() < self.until:
                name, mutant = waiting.pop()
                tests = _tests_of(callers, name, mutant.function)
                if tests:
                    running[_tested(session, tests, name, mutant)] = (name, mutant)
                else:
                    self.outcomes.append(Outcome(name, mutant, UNCALLED))
            if running:
                child, status = os.wait()
                self.outcomes.append(Outcome(*running.pop(child), _end(status)))
                if len(self.outcomes) % 50 == 0:
                    print(f"{len(self.outcomes)} of {self.possible} faults", flush=True)
        return True


def _tests_of(callers: dict[tuple[str, str], list[int]], name: str, function: str) -> list[int]:
    """The tests that call a function, or for a number of the module those that call any."""
    if function:
        return callers.get((name, function), [])
    return list(dict.fromkeys(t for (own, _), ts in callers.items() if own == name for t in ts))


def _module(name: str) -> Any:
    return importlib.import_module(f"gptbudget.core.{name}")


def _source(name: str) -> str:
    return Path(_module(name).__file__ or "").read_text(encoding="utf-8")


def _callers(session: pytest.Session, names: tuple[str, ...]) -> dict[tuple[str, str], list[int]]:
    """Which tests call a function, the fastest first.

    Found in a child, so that no cache is filled for those that follow.
    """
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        with os.fdopen(writer, "w", encoding="utf-8") as stream:
            _write_callers(session, names, stream)
        os._exit(0)
    os.close(writer)
    found: dict[tuple[str, str], list[int]] = {}
    with os.fdopen(reader, encoding="utf-8") as stream:
        for line in sorted(stream, key=lambda line: float(line.split()[0])):
            _, number, name, function = line.split()
            found.setdefault((name, function), []).append(int(number))
    os.wait()
    return {key: _in_turn(session, tests) for key, tests in found.items()}


def _in_turn(session: pytest.Session, tests: list[int]) -> list[int]:
    """One test of each file after the other, so that different ones come early."""
    files: dict[Path, list[int]] = {}
    for number in tests:
        files.setdefault(session.items[number].path, []).append(number)
    rounds = zip_longest(*files.values())
    return [number for each in rounds for number in each if number is not None]


def _write_callers(session: pytest.Session, names: tuple[str, ...], stream: TextIO) -> None:
    called: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        vars(_module(name))["__called__"] = called[name]
        put_into(_module(name), watched(_source(name)))
    for number, item in enumerate(session.items):
        for functions in called.values():
            functions.clear()
        start = time.perf_counter()
        if _fails(item):
            print(f"fails without a fault, left out: {item.nodeid}", flush=True)
            continue
        took = time.perf_counter() - start
        if took > _SLOWEST_S:
            continue
        for name, functions in called.items():
            stream.writelines(f"{took:.6f} {number} {name} {each}\n" for each in functions)


def _fails(item: pytest.Item) -> bool:
    """Run one test, again if need be."""
    again = getattr(item, "_initrequest", None)
    if again is not None:
        again()
    return any(report.failed for report in runtestprotocol(item, nextitem=None, log=False))


def _tested(session: pytest.Session, tests: list[int], name: str, mutant: Mutant) -> int:
    """Start a child that runs ``tests`` with the fault; its exit status is 1 when one fails."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    put_into(_module(name), mutant.tree)
    for number in tests:
        if time.process_time() > _ENOUGH_S:
            break
        signal.alarm(_LONGEST_S)
        if _fails(session.items[number]):
            os._exit(1)
    os._exit(0)


def _end(status: int) -> str:
    if os.WIFSIGNALED(status):
        return LATE if os.WTERMSIG(status) == signal.SIGALRM else KILLED
    return KILLED if os.WEXITSTATUS(status) else SURVIVED


def table(scoring: Scoring) -> Iterator[str]:
    """The score by module, as Markdown."""
    yield "| module | faults | noticed | share |"
    yield "|---|---:|---:|---:|"
    for name in (*scoring.names, "all"):
        ends = Counter(each.end for each in scoring.outcomes if name in {each.module, "all"})
        faults, noticed = ends.total(), ends[KILLED] + ends[LATE]
        yield f"| {name} | {faults} | {noticed} | {100 * noticed / max(faults, 1):.1f} % |"


def main() -> None:
    """Score, list the survivors, and write the table on demand."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=1200, help="limit for all of it")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=MODULES)
    parser.add_argument("--write", action="store_true", help="put the score into CONTRIBUTING.md")
    asked = parser.parse_args()
    scoring = Scoring(tuple(asked.only), asked.seconds)
    where = [str(path) for each in TESTS for path in (ROOT / "tests").glob(each)]
    where += [f"--ignore-glob={each}" for each in SLOW]
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *where], plugins=[scoring])
    for module, mutant, end in sorted(scoring.outcomes, key=lambda each: (each[0], each[1].line)):
        if end in {SURVIVED, UNCALLED}:
            what = " ".join(mutant.what.split())
            print(f"{module}.py:{mutant.line}: {mutant.function or 'module'}: {end}: {what}")
    tried = (
        f"{len(scoring.outcomes)} of {scoring.possible} faults, tests of each for {_ENOUGH_S} s:"
    )
    text = "\n".join([tried, "", *table(scoring)])
    print(text)
    if asked.write:
        path = ROOT / "CONTRIBUTING.md"
        old = path.read_text(encoding="utf-8")
        new = f"{_BEGIN}\n{text}\n{_END}"
        path.write_text(re.sub(f"{_BEGIN}.*?{_END}", new, old, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
