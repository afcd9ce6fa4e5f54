"""No command ever asks the network: nothing is looked up, counted or sent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.edges.outcome import assert_an_answer_or_a_sentence
from tests.edges.test_command_lines import COMMANDS

RUN = ("--gpu", "4070ti", "--model", "gpt2")
ASKED: dict[tuple[str, ...], list[tuple[str, ...]]] = {
    ("compare",): [RUN, (*RUN, "-o", "json"), ("--gpu", "all", "--model", "gpt2", "--check")],
    ("memory",): [RUN],
    ("fit",): [RUN],
    ("plan",): [("--gpu", "4070ti", "--time", "1y"), (*RUN, "--time", "30d")],
    ("dry-run",): [("--gpu", "h100"), ("--gpu", "h100", "--", "no-such-program")],
    ("gpus",): [(), ("4070ti",), ("misspelt",)],
    ("models",): [(), ("gpt2",), ("./missing/config.json",)],
    ("validate",): [(), ("--cross",), ("--run", "llmc-1558m-8h100")],
    ("calibrate",): [(*RUN, "--tokens-per-s", "50000"), ("--list",), ("--remove", "none")],
    ("catalog", "check"): [()],
    ("catalog", "path"): [()],
    ("catalog", "schema"): [()],
}
"""A few questions for each command; a command that is missing here fails."""

_FORBIDDEN = ("socket.", "http.client.", "urllib.", "ftplib.", "smtplib.")


class _Guard:
    """Sees every audited action of the interpreter, and refuses those of a network."""

    on = False

    def __call__(self, event: str, arguments: Any) -> None:
        if self.on and event.startswith(_FORBIDDEN):
            msg = f"{event} {arguments}"
            raise ConnectionRefusedError(msg)


_GUARD = _Guard()
sys.addaudithook(_GUARD)  # no hook can be taken away again, so it is off but for these tests


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_GUARD, "on", True)


@pytest.mark.usefixtures("no_network")
def test_the_guard_sees_a_socket() -> None:
    import socket

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_opens_a_socket(command: tuple[str, ...], files: Path) -> None:
    for words in (*ASKED[command], ("--help",)):
        assert_an_answer_or_a_sentence(*command, *words)
    assert files.is_dir()
