"""The README's own commands: each ``$ gptbudget`` block prints what it says there.

``GPTBUDGET_REWRITE=1 pytest tests/docs`` writes the current output into the README.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Cli

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>gptbudget [^\n]*)\n(?P<output>.*?)```\n", re.DOTALL)
WIDTH = 88


def blocks() -> list[re.Match[str]]:
    """Every block that starts with ``$ gptbudget``, but for those that run a program of their own
    (``tests/dryrun``).
    """
    found = BLOCK.finditer(README.read_text(encoding="utf-8"))
    return [block for block in found if " dry-run " not in block["command"]]


def shown(output: str) -> str:
    """Output as the README shows it: without the machine's own folder."""
    return output.replace(f"{ROOT}{os.sep}", "")


def piped(output: str, pipe: str) -> str:
    """What ``head -N`` or ``tail -N`` leave of the output."""
    if not pipe:
        return output
    tool, count = pipe.split(" -")
    lines = output.splitlines(keepends=True)
    return "".join(lines[: int(count)] if tool == "head" else lines[-int(count) :])


def test_readme_has_commands() -> None:
    assert len(blocks()) >= 5


@pytest.mark.parametrize("index", range(len(blocks())))
def test_block(index: int, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    block = blocks()[index]
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.chdir(ROOT)
    command, _, pipe = block["command"].partition(" | ")
    result = cli(*shlex.split(command)[1:])
    output = piped(shown(result.out), pipe)
    assert result.err == ""
    if os.environ.get("GPTBUDGET_REWRITE"):
        text = README.read_text(encoding="utf-8")
        before, after = text[: block.start("output")], text[block.end("output") :]
        README.write_text(before + output + after, encoding="utf-8")
        return
    assert output == block["output"]
