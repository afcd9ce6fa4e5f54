"""Programs that run on PyTorch's CUDA build, without a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.answer.dry_run import dry_run_document
from gptbudget.dryrun.run import Asked, DryRun, dry_run, without_limit
from gptbudget.errors import UsageError
from tests.conftest import Cli
from tests.dryrun.conftest import PROGRAMS, Run

WORKSPACES = 2 * 8_519_680
"""cuBLAS's before Hopper: one for Python's thread and one for autograd's."""


def said(run: DryRun) -> str:
    return dry_run_document([(run, without_limit(run))]).headline


def memory(run: DryRun) -> Any:
    return dry_run_document([(run, None)]).data["results"][0]["memory"]


def line_of(program: str, text: str) -> str:
    lines = (PROGRAMS / f"{program}.py").read_text(encoding="utf-8").splitlines()
    (number,) = (place for place, line in enumerate(lines, 1) if text in line)
    return f"{program}.py:{number}"


def test_bytes_of_a_step_that_is_counted_by_hand(run_program: Run) -> None:
    width, batch = 1024, 512
    weights, activation = 4 * width * width * 4, batch * width * 4
    found = memory(run_program("mlp", str(width), str(batch)))
    alive = found["alive"]
    assert alive["parameters"] == weights
    # two moments a layer, and a step count of 4 bytes on the host
    assert alive["optimizer_states"] == 2 * weights
    assert alive["other"] == WORKSPACES
    # the peak is in AdamW's first layer or in the backward pass of the last: input and outputs
    floor = 3 * weights + WORKSPACES + 4 * activation
    assert floor <= found["peak_requested_bytes"] <= floor + weights + 3 * activation
    assert found["fits"] is True


def test_the_lines_that_made_the_largest(run_program: Run) -> None:
    largest = memory(run_program("mlp", "2048", "64"))["largest"]
    made = {(block["kind"], block["line"].rsplit("/", 1)[-1]) for block in largest}
    model, step = line_of("mlp", "model = "), line_of("mlp", "optimizer.step()")
    assert {("parameters", model), ("optimizer_states", step)} <= made


def test_out_of_memory_names_the_line_and_what_would_do(run_program: Run) -> None:
    run = run_program("mlp", "32768", "64", gpu="4070ti")
    text = said(run)
    assert text.startswith("Out of memory on a 12 GB card: ")
    assert f"{line_of('mlp', 'model = ')} asked for 4.00 GiB more at the start" in text
    assert "would be enough" in text


@pytest.mark.parametrize(("gpus", "world"), [(8, 8), (64, 64)])
def test_one_process_plays_a_rank_of_many(run_program: Run, gpus: int, world: int) -> None:
    run = run_program("distributed", gpus=gpus, rank=3)
    assert (run.report["world_size"], run.report["steps"], run.report["error"]) == (world, 2, None)
    # gradients, and the buckets that they are reduced in
    alive = run.report["at_peak"]["alive"]
    assert alive["gradients"] == 4 * (1024 * 1024 + 1024) * 4
    assert alive["activations"] >= alive["gradients"]


def test_a_launcher_says_how_many(torch_python: Path) -> None:
    torchrun = str(torch_python.parent / "torchrun")
    program = str(PROGRAMS / "distributed.py")
    run = dry_run(
        Asked(
            command=(torchrun, "--nproc-per-node=4", "--nnodes=2", program),
            gpu=load_catalog().gpus.find("h100").spec,
            rank=6,
        )
    )
    assert (run.report["world_size"], run.report["steps"]) == (8, 2)


@pytest.mark.parametrize(
    ("name", "asked"), [("distributed", {"gpus": 8, "rank": 8}), ("mlp", {"rank": 1})]
)
def test_a_rank_that_is_not_there(run_program: Run, name: str, asked: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"rank \d is none of \d processes"):
        run_program(name, "64", "8", **asked)


@pytest.mark.parametrize("what", ["random-mask", "boolean-index", "router"])
def test_values_that_decide_a_course(run_program: Run, what: str) -> None:
    """The program itself asserts them; what is left unknown is the loss alone."""
    run = run_program("values", what)
    assert run.report["error"] is None
    assert {read["function"] for read in run.report["reads"]} == {"item"}
    assert bool(run.report["routed"]) == (what == "router")


def test_the_attention_of_cudnn_is_that_of_flash(run_program: Run) -> None:
    run = run_program("values", "attention", gpu="h100")
    assert (run.report["steps"], run.report["error"]) == (2, None)


def test_a_shape_that_nobody_knows_is_the_largest_and_said_first(run_program: Run) -> None:
    run = run_program("values", "unknown-shape")
    (read, *_) = run.report["reads"]
    assert (read["function"], read["decides_shape"]) == ("__getitem__", True)
    line = line_of("values", "layer(x).sum(1) > 0")
    assert f"{line} takes a shape from unknown values" in said(run)


def test_a_program_that_ends_early_is_measured_until_there(run_program: Run) -> None:
    run = run_program("ends", "early")
    assert (run.report["steps"], memory(run)["fits"]) == (1, True)


def test_a_program_that_never_steps_is_not_known_to_fit(run_program: Run) -> None:
    run = run_program("ends", "never")
    assert memory(run)["fits"] is None
    assert "it ended without an optimizer step" in said(run)


def test_a_program_that_catches_the_error_goes_on(run_program: Run) -> None:
    run = run_program("ends", "catches")
    assert run.report["steps"] == 2
    notes = dry_run_document([(run, None)]).notes
    line = line_of("ends", "layer(torch.randn(batch")
    assert any("The card was full" in note and line in note for note in notes)


def test_a_program_with_workers(run_program: Run) -> None:
    run = run_program("ends", "workers")
    assert (run.report["steps"], run.report["error"]) == (2, None)
    assert run.report["pinned_peak_bytes"] >= 8 * 1024 * 4


def test_another_program_whose_output_is_read_runs_on_its_own(run_program: Run) -> None:
    run = run_program("ends", "asks-another")
    assert (run.report["steps"], run.report["error"]) == (2, None)


def test_checkpoints_are_written_only_where_allowed(run_program: Run, tmp_path: Path) -> None:
    target = tmp_path / "checkpoint.pt"
    run_program("ends", "saves", str(target))
    assert not target.exists()
    run_program("ends", "saves", str(target), allow_writes=True)
    assert target.exists()


def test_a_hang_is_stopped_and_what_was_seen_is_said(run_program: Run) -> None:
    run = run_program("ends", "hangs", timeout_s=12)
    assert run.timed_out
    assert "it was stopped after 12 s" in said(run)


def test_a_failure_of_the_program_is_its_own(cli: Cli, torch_python: Path) -> None:
    answer = cli(
        "dry-run", "--gpu", "a100-sxm-80gb", "--", str(torch_python),
        str(PROGRAMS / "ends.py"), "fails",
    )  # fmt: skip
    assert answer.code == 1
    assert "the program itself failed: ValueError at" in answer.err


def test_check_is_an_exit_code(cli: Cli, torch_python: Path) -> None:
    words = ("--check", "--", str(torch_python), str(PROGRAMS / "mlp.py"))
    assert cli("dry-run", "--gpu", "4070ti", *words, "256", "8").code == 0
    assert cli("dry-run", "--gpu", "4070ti", *words, "32768", "8").code == 5


def test_the_largest_batch_is_the_one_that_running_each_finds(
    cli: Cli, torch_python: Path, tmp_path: Path
) -> None:
    snapshot = tmp_path / "memory.pickle"
    words = ("--", str(torch_python), str(PROGRAMS / "mlp.py"), "8192", "{}")
    answer = cli(
        "dry-run", "--gpu", "4070ti", "--try", "1024,16384,32768,49152,65536",
        "--snapshot", str(snapshot), "-o", "json", *words,
    )  # fmt: skip
    tried = {each["value"]: each["fits"] for each in answer.json["tries"]}
    assert snapshot.stat().st_size > 0
    largest = answer.json["largest"]
    assert tried[largest] is True
    following = next(value for value in (16384, 32768, 49152, 65536) if value > largest)
    assert cli("dry-run", "--gpu", "4070ti", "--check", *words[:-1], str(largest)).code == 0
    assert cli("dry-run", "--gpu", "4070ti", "--check", *words[:-1], str(following)).code == 5


def test_a_failure_is_no_answer_of_a_try(cli: Cli, torch_python: Path) -> None:
    words = ("--", str(torch_python), str(PROGRAMS / "mlp.py"), "wide", "{}")
    answer = cli("dry-run", "--gpu", "4070ti", "--try", "1..64", *words)
    assert (answer.code, answer.out) == (1, "")
    assert "the program itself failed: ValueError at" in answer.err
