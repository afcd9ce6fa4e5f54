"""What is said of a run's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.answer.dry_run import dry_run_document
from gptbudget.dryrun.environment import Environment
from gptbudget.dryrun.run import Asked, DryRun, usable_bytes
from gptbudget.errors import UsageError

GIB = 2**30
GPU = load_catalog().gpus.find("4090").spec


def span(phase: str, step: int, peak: float) -> dict[str, Any]:
    amount = int(peak * GIB)
    return {
        "phase": phase, "step": step, "ended_us": 0.0, "allocated_bytes": amount,
        "peak_allocated_bytes": amount, "peak_requested_bytes": amount,
        "peak_reserved_bytes": amount + GIB,
    }  # fmt: skip


def run_of(**report: Any) -> DryRun:
    whole = {
        "torch": "2.13.0", "error": None, "steps": 2, "world_size": 1, "refusals": [], "reads": [],
        "routed": 0, "seconds": 3.0, "pinned_peak_bytes": 0, "pageable_peak_bytes": GIB,
        "spans": [span("start", 0, 2), span("forward", 2, 6), span("backward", 2, 8),
                  span("optimizer_step", 2, 5)],
        "at_peak": {
            "alive": {"parameters": 2 * GIB, "activations": 6 * GIB},
            "largest": [{"bytes": GIB, "count": 2, "kind": "activations", "line": "train.py:9"}],
        },
    }  # fmt: skip
    asked = Asked(("python", "train.py"), GPU)
    environment = Environment(Path("/v/bin/python"), (3, 11), Path("/v/torch"), "2.13.0", 13)
    return DryRun(asked, environment, whole | report, timed_out=False, exit_code=0)


def refused(line: str) -> dict[str, Any]:
    return {
        "error": {"type": "OutOfMemoryError", "out_of_memory": True, "message": "", "line": line},
        "refusals": [{"bytes": GIB, "free_bytes": 0, "line": line, "phase": "forward"}],
    }


def test_it_fits() -> None:
    document = dry_run_document([(run_of(), None)])
    assert document.headline == (
        "Fits: 8.00 GiB of 22.82 GiB in the backward pass (reserved 9.00 GiB)."
    )
    (result,) = document.data["results"]
    assert result["memory"]["phase"] == "backward"
    assert result["memory"]["phases"]["outside"] is None
    assert document.data["program"] == {
        "command": ["python", "train.py"], "python": "/v/bin/python", "torch": "2.13.0",
    }  # fmt: skip


def test_out_of_memory_takes_its_amounts_from_the_run_without_a_limit() -> None:
    document = dry_run_document([(run_of(**refused("train.py:211")), run_of())])
    assert document.headline == (
        "Out of memory on a 24 GB card: train.py:211 asked for 1.00 GiB more in the forward pass; "
        "8.70 GiB would do."
    )
    assert document.data["results"][0]["memory"]["fits"] is False


@pytest.mark.parametrize(
    ("report", "part"),
    [
        ({"steps": 0}, "it ended without an optimizer step"),
        ({"steps": 0, "spans": []}, "the program used no memory of the card"),
        (
            {"steps": 0, "error": {"type": "KeyError", "out_of_memory": False, "line": "a.py:3"}},
            "it ended with KeyError at a.py:3",
        ),
    ],
)
def test_not_known(report: dict[str, Any], part: str) -> None:
    document = dry_run_document([(run_of(**report), None)])
    assert document.headline.startswith("Not known: ")
    assert part in document.headline
    assert document.data["results"][0]["memory"]["fits"] is None


def test_a_program_of_several_processes_leaves_less() -> None:
    assert run_of(world_size=8).usable_bytes == run_of().usable_bytes - 688 * 2**20


def test_what_was_assumed_is_said() -> None:
    reads = [{"function": "nonzero", "line": "moe.py:7", "decides_shape": True, "count": 4}]
    document = dry_run_document([(run_of(reads=reads, routed=12), None)])
    assert "moe.py:7 takes a shape from values that nobody knows" in document.headline
    assert any("12 choices of a router" in note for note in document.notes)


def test_memory_of_the_host_without_values_is_said() -> None:
    document = dry_run_document([(run_of(shared_peak_bytes=30 * GIB), None)])
    assert any(note.startswith("30.00 GiB of the host's memory had no") for note in document.notes)


def test_a_card_of_unknown_memory() -> None:
    gpu = GPU.model_copy(update={"memory_gib": None, "memory_reported_gib": None})
    with pytest.raises(UsageError, match="no known memory"):
        usable_bytes(Asked(("python", "train.py"), gpu))
