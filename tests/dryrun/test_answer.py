"""What is said of a run's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.answer.dry_run import dry_run_document
from gptbudget.answer.page.dry_run import dry_run_page
from gptbudget.answer.page.page import Stacked
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


def test_tokens_of_a_step_stand_in_the_first_line() -> None:
    document = dry_run_document([(run_of(tokens_per_step=12288), None)])
    assert document.headline.endswith("(reserved 9.00 GiB), 12,288 tokens a step.")
    assert document.data["results"][0]["tokens_per_step"] == 12288


def test_out_of_memory_takes_its_amounts_from_the_run_without_a_limit() -> None:
    document = dry_run_document([(run_of(**refused("train.py:211")), run_of())])
    assert document.headline == (
        "Out of memory on a 24 GB card: train.py:211 asked for 1.00 GiB more in the forward pass; "
        "8.70 GiB would be enough."
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
    assert "moe.py:7 takes a shape from unknown values" in document.headline
    assert any("12 choices of a router" in note for note in document.notes)


def test_memory_of_the_host_without_values_is_said() -> None:
    document = dry_run_document([(run_of(shared_peak_bytes=30 * GIB), None)])
    assert any(note.startswith("30.00 GiB of the host's memory had no") for note in document.notes)


def test_a_card_of_unknown_memory() -> None:
    gpu = GPU.model_copy(update={"memory_gib": None, "memory_reported_gib": None})
    with pytest.raises(UsageError, match="no known memory"):
        usable_bytes(Asked(("python", "train.py"), gpu))


def test_of_several_ranks_the_one_that_needs_most_speaks() -> None:
    more = [span("start", 0, 2), span("backward", 2, 9)]
    first, second = run_of(world_size=4), run_of(world_size=4, spans=more)
    second = second._replace(asked=second.asked._replace(rank=2))
    document = dry_run_document([(first, None), (second, None)])
    assert document.headline == (
        "Fits: 9.00 GiB of 22.15 GiB in the backward pass (reserved 10.00 GiB); rank 2 needs most "
        "of 2 that were run."
    )
    assert [each["rank"] for each in document.data["results"]] == [0, 2]


def test_the_page_shows_what_the_answer_says() -> None:
    page = dry_run_page(dry_run_document([(run_of(), None)]))
    assert (page.title, page.feasible) == ("python train.py", True)
    (memory, numbers, notes) = page.parts
    at_peak, phases = memory.figures
    assert isinstance(at_peak, Stacked)
    assert isinstance(phases, Stacked)
    assert [part.label for part in at_peak.bills[0].parts] == ["parameters", "activations"]
    assert [bill.label for bill in phases.bills] == [
        "start", "forward", "backward", "optimizer step",
    ]  # fmt: skip
    assert numbers.tables
    assert any("PyTorch 2.13.0" in note for note in notes.notes)
