"""One command line in this process, under a watchdog, held against what every answer promises."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from hypothesis import HealthCheck, settings

from gptbudget.cli.main import run

ANSWER, USAGE, NAME, FILE, NO = 0, 2, 3, 4, 5
_HANGS_S = 120
"""Far beyond any command: who is still at work then is lost."""

_NO_NUMBER = re.compile(r"(?<![\w-])-?(nan|inf)(?![\w-])")

_TIMES = int(os.environ.get("GPTBUDGET_EDGES", "1"))


class _HangError(BaseException):
    """Raised into a command that does not end; the program catches no such thing."""


def cases(number: int) -> settings:
    """So many cases, the same in every run, and ``GPTBUDGET_EDGES`` times as many new ones."""
    return settings(
        max_examples=number * _TIMES,
        derandomize=_TIMES == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def assert_an_answer_or_a_sentence(*arguments: str) -> int:
    """Run ``arguments``; they are answered, or refused in one line with a documented exit code."""
    code, out, err = _ended(arguments)
    shown = f"gptbudget {' '.join(map(repr, arguments))}\n{out}\n{err}"
    assert code in {ANSWER, USAGE, NAME, FILE, NO}, shown
    assert "Traceback" not in err, shown
    if code in {ANSWER, NO} or (code == FILE and arguments[:2] == ("catalog", "check") and out):
        assert err == "", shown
        _assert_numbers(arguments, out, shown)
        return code
    assert out == "", shown
    assert re.fullmatch(r"gptbudget: error: [^\n]+\n", err), shown
    assert err[:-1].isprintable(), shown
    assert len(err) < 2000 + sum(map(len, arguments)), shown
    return code


def _assert_numbers(arguments: tuple[str, ...], out: str, shown: str) -> None:
    """No number of the answer is infinite or none at all."""
    words = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "", out)
    typed = {word.lower() for word in arguments}
    assert typed & {"nan", "inf", "-inf"} or not _NO_NUMBER.search(words), shown
    if "json" in arguments and out.startswith("{"):
        json.loads(out, parse_constant=_no_number)


def _no_number(name: str) -> NoReturn:
    raise AssertionError(name)


def _ended(arguments: tuple[str, ...]) -> tuple[int, str, str]:
    """Exit code and what was printed, as a UTF-8 terminal would take it."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", "\n", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _watched(arguments):
        code = run(list(arguments))
    return code, _text(out), _text(err)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextlib.contextmanager
def _watched(arguments: tuple[str, ...]) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # not on Windows
        yield
        return

    def late(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        raise _HangError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, _HANGS_S)
    try:
        yield
    except _HangError:
        msg = f"does not end: gptbudget {' '.join(map(repr, arguments))}"
        raise AssertionError(msg) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
