"""The README's own program: it is run as written there, and answered as written there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import Cli
from tests.docs.test_readme import BLOCK, README, piped

if TYPE_CHECKING:
    import pytest

PROGRAM = re.compile(r"With this `train.py`\n\n```python\n(.*?)```", re.DOTALL)


def test_will_my_script_fit(
    cli: Cli, torch_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = README.read_text(encoding="utf-8")
    (program,) = PROGRAM.findall(text)
    (block,) = (each for each in BLOCK.finditer(text) if " dry-run " in each["command"])
    (tmp_path / "train.py").write_text(program, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{torch_python.parent}:/usr/bin:/bin")
    command, _, pipe = block["command"].partition(" | ")
    result = cli(*shlex.split(command)[1:])
    assert piped(result.out, pipe) == block["output"]
