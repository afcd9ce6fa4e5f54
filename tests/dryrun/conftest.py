"""Programs to run in a Python with PyTorch's CUDA build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.dryrun.run import Asked, DryRun, dry_run

PROGRAMS = Path(__file__).parent / "programs"

Run = Callable[..., DryRun]


@pytest.fixture
def run_program(torch_python: Path) -> Run:
    """Run one of the programs beside this file."""

    def run(name: str, *arguments: str, gpu: str = "a100-sxm-80gb", **asked: Any) -> DryRun:
        command = (str(torch_python), str(PROGRAMS / f"{name}.py"), *arguments)
        spec = load_catalog().gpus.find(gpu).spec
        return dry_run(Asked(command=command, gpu=spec, **asked))

    return run
