"""What the repository keeps: sources, and nothing that a command writes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_NO_CHECKOUT = 128


def git(*arguments: str) -> str:
    """What git says of this checkout."""
    program = shutil.which("git")
    if program is None:
        pytest.skip("there is no git")
    command = [program, "-C", str(ROOT), *arguments]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode == _NO_CHECKOUT:
        pytest.skip("not a checkout")
    return answer.stdout


def test_no_file_is_kept_that_is_ignored() -> None:
    assert git("ls-files", "--cached", "--ignored", "--exclude-standard") == ""


@pytest.mark.parametrize("name", [".coverage", ".coverage.host.1", "build/x", ".mypy_cache/x"])
def test_what_tools_write_is_ignored(name: str) -> None:
    assert git("check-ignore", "--no-index", name).strip() == name
