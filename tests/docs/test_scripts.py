"""The shell scripts and the Python of the README, as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## For scripts")[1].split("\n## ")[0]
BASH = shutil.which("bash")

SURROUNDINGS = f"""
set -u
gptbudget() {{ '{sys.executable}' -m gptbudget "$@"; }}
sbatch() {{ echo "submitted $*"; }}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    assert BASH is not None
    return subprocess.run(
        [BASH, "-c", SURROUNDINGS + script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(BASH is None, reason="no bash")
def test_a_job_is_submitted_only_if_it_can_work(tmp_path: Path) -> None:
    script = blocks("sh")[0]
    good = run(script, tmp_path)
    bad = run(script.replace("llama-2-7b", "llama-2-70b"), tmp_path)

    assert (good.stdout, good.stderr) == ("submitted --gpus 8 train.sh\n", "")
    assert (bad.stdout, bad.stderr) == ("", "not submitted: see estimate.json\n")
    assert '"feasible": false' in (tmp_path / "estimate.json").read_text(encoding="utf-8")


@pytest.mark.skipif(BASH is None, reason="no bash")
def test_a_loop_over_the_catalog(tmp_path: Path) -> None:
    found = run(blocks("sh")[1], tmp_path)

    assert found.stderr == ""
    assert "rtx-4090" in found.stdout.split()


def test_the_python_runs() -> None:
    (block,) = blocks("python")
    exec(compile(block, "README.md", "exec"), {})
