"""``gptbudget memory``: the bill for people and for programs, and what cannot be asked."""

from __future__ import annotations

import csv
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from gptbudget.render.bars import BLOCKS
from tests.conftest import Cli

XL = ("memory", "--gpu", "4070ti", "--model", "gpt2-xl")
SMALL = ("memory", "--gpu", "4070ti", "--model", "gpt2")

PHASES = {
    "start",
    "forward_peak",
    "forward_end",
    "loss_backward",
    "block_backward",
    "backward_end",
    "optimizer_step",
}
OUTSIDE = {"driver_context", "workspaces", "allocator_slack"}
RESULT_KEYS = {"model", "gpu", "memory", "largest", "changes", "remedies", "verdict", "notes"}
MEMORY_KEYS = {"peak_bytes", "usable_bytes", "fits", "phase", "parts", "phases", "host_bytes"}
CHANGE_KEYS = {
    "text",
    "command",
    "changes",
    "peak_bytes",
    "host_bytes",
    "flops_ratio",
    "costs_quality",
    "sums_in_16_bit",
}


def result_of(cli: Cli, *arguments: str) -> Any:
    found = cli(*arguments, "-o", "json")
    assert (found.code, found.err) == (0, "")
    return found.json["results"][0]


# --- for programs -------------------------------------------------------------------------


def test_keys_that_scripts_rely_on(cli: Cli) -> None:
    document = cli(*XL, "-o", "json").json
    (result,) = document["results"]

    assert document["schema"] == 1
    assert document["request"]["optimizer"] == {"value": "adamw", "origin": "default"}
    assert set(result) >= RESULT_KEYS
    assert set(result["memory"]) >= MEMORY_KEYS
    assert set(result["largest"]) == {"micro_batch", "seq_len"}
    assert set(result["verdict"]) == {"feasible", "text"}
    assert all(set(change) == CHANGE_KEYS | {"saved_bytes"} for change in result["changes"])
    assert all(set(remedy) == CHANGE_KEYS for remedy in result["remedies"])


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--checkpointing full --recipe pure --optimizer adamw8bit",
        "--recipe master --offload optimizer",
        "--offload all --micro-batch 4",
        "--method lora --dropout 0.1",
        "--method qlora --loss fused",
        "--attention eager --checkpointing selective --keep-logits",
        "--global-batch-tokens 524288 --stack megatron",
    ],
    ids=str,
)
def test_parts_sum_to_the_phase_and_no_phase_is_above_the_peak(cli: Cli, options: str) -> None:
    memory = result_of(cli, *XL, *options.split())["memory"]
    phases, parts = memory["phases"], memory["parts"]

    assert set(phases) == set(memory["phase_parts"]) == PHASES
    for phase, total in phases.items():
        assert sum(memory["phase_parts"][phase].values()) == pytest.approx(total)
    assert phases[memory["phase"]] == max(phases.values())
    assert sum(parts.values()) == pytest.approx(memory["peak_bytes"])
    inside = sum(amount for part, amount in parts.items() if part not in OUTSIDE)
    assert inside == pytest.approx(phases[memory["phase"]])
    assert set(parts) >= OUTSIDE
    assert all(amount > 0 for amount in parts.values())
    assert memory["fits"] is (memory["peak_bytes"] <= memory["usable_bytes"])


def test_csv_is_one_row(cli: Cli) -> None:
    (row,) = csv.DictReader(io.StringIO(cli(*XL, "-o", "csv").out))
    memory = result_of(cli, *XL)["memory"]

    assert float(row["memory.peak_bytes"]) == memory["peak_bytes"]
    assert row["memory.phase"] == memory["phase"]
    assert row["memory.fits"] == "false"
    assert float(row["memory.phases.start"]) == memory["phases"]["start"]


def test_compare_has_the_same_bill(cli: Cli) -> None:
    ours = result_of(cli, *XL)["memory"]
    theirs = result_of(cli, "compare", *XL[1:])["memory"]

    assert {key: ours[key] for key in MEMORY_KEYS} == {key: theirs[key] for key in MEMORY_KEYS}


@pytest.mark.parametrize(("arguments", "code"), [(SMALL, 0), (XL, 5)], ids=["fits", "does-not"])
def test_check(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    assert cli(*arguments).code == 0
    assert cli(*arguments, "--check").code == code


def test_a_scenario_asks_the_same(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "question.yaml"
    file.write_text("question: does it fit?\ngpu: 4070ti\nmodel: gpt2-xl\ncheckpointing: full\n")
    asked = result_of(cli, "memory", "--config", str(file))
    typed = result_of(cli, *XL, "--checkpointing", "full")

    assert asked["memory"] == typed["memory"]
    assert asked["remedies"] == typed["remedies"]


# --- for people ---------------------------------------------------------------------------


def section(out: str, title: str) -> list[str]:
    """The lines of one table, without its title and header."""
    _, _, below = out.partition(f"{title}\n")
    return below.partition("\n\n")[0].splitlines()[1:]


def test_table_shows_the_phase_the_bar_and_the_total(cli: Cli) -> None:
    out = cli(*XL).out
    memory = result_of(cli, *XL)["memory"]
    phase = memory["phase"].replace("_", " ")
    bill = section(out, f"at the peak: {phase}")
    total = bill[-1].split()

    assert out.startswith("No: gpt2-xl on 1 x rtx-4070-ti needs ")
    assert f"in {phase}." in out.partition("\n")[0]
    assert [line.split("  ")[0].replace(" ", "_") for line in bill[:-1]] == list(memory["parts"])
    assert total[0] == "total"
    assert float(total[1]) == pytest.approx(memory["peak_bytes"] / 2**30, abs=0.005)
    assert total[-1] == BLOCKS.full * 24 + ">"
    shown = section(out, "phases, framework only")
    assert {line.split("  ")[0].replace(" ", "_") for line in shown} == PHASES


def test_bar_is_the_share_of_the_card(cli: Cli) -> None:
    out = cli(*XL, "--gpu-memory", "40GiB").out
    for line in out.splitlines():
        share = re.search(r"([0-9.]+) %  (([█▉-▏]*)·*>?)$", line)
        if share:
            filled = len(share[3].rstrip(BLOCKS.parts))
            assert abs(filled + 0.5 - min(24, float(share[1]) / 100 * 24)) <= 0.6
            assert share[2].endswith(">") is (float(share[1]) > 100)
    assert re.search(r"█[▉-▏]?·", out)


@pytest.mark.parametrize("columns", ["40", "60", "100", "200"])
def test_every_width_says_the_same(cli: Cli, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = cli(*XL).out
    memory = result_of(cli, *XL)["memory"]
    words = " ".join(out.split())

    for name in ("total", *memory["parts"], *PHASES):
        assert name.replace("_", " ") in words
    assert f"{memory['peak_bytes'] / 2**30:.2f} GiB" in words
    assert BLOCKS.full * 24 + ">" in out
    assert "--optimizer adamw8bit" in words
    # Sentences and commands stay whole; tables keep to the width.
    tables = out.split("\n\n", 1)[1].split("\n- ")[0]
    assert max(map(len, tables.splitlines())) <= int(columns)


def test_markdown_tables(cli: Cli) -> None:
    out = cli(*XL, "-o", "markdown").out

    assert "| part" in out
    assert "| one change" in out
    assert re.search(r"\| total +\| +[0-9.]+ GiB", out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--loss fused", "not measured: --loss fused"),
        ("--offload optimizer", "not measured: --offload optimizer"),
        ("--method qlora", "not measured: --method qlora"),
        ("--method frozen:4", "not measured: --method frozen"),
        ("--checkpointing selective --attention eager", "not measured: --checkpointing selective"),
        ("--stack megatron", "memory figures of the megatron stack"),
        ("--stack compiled", "an upper bound, not measured"),
    ],
    ids=str,
)
def test_what_was_not_measured_is_said(cli: Cli, options: str, words: str) -> None:
    assert words in cli(*XL, *options.split()).out


@pytest.mark.parametrize("stack", ["eager", "hf"])
def test_what_was_measured_needs_no_note(cli: Cli, stack: str) -> None:
    notes = result_of(cli, *SMALL, "--stack", stack)["notes"]

    assert not any("not measured" in note for note in notes)


# --- what cannot be asked -----------------------------------------------------------------

BAD: dict[str, tuple[str, tuple[str, ...]]] = {
    "rank-beyond-the-matrix": (
        "--method lora --lora-rank 2000",
        ("--lora-rank 2000", "1600", "at most 1600"),
    ),
    "rank-beyond-keys-and-values": (
        "--model llama-3.2-1b --method lora --lora-rank 513",
        ("--lora-rank 513", "512"),
    ),
    "rank-of-full": ("--lora-rank 8", ("--lora-rank", "--method full", "add --method lora")),
    "rank-of-frozen": (
        "--method frozen:4 --lora-rank 8",
        ("--lora-rank", "--method frozen", "add --method lora"),
    ),
    "targets-of-full": ("--lora-targets qv", ("--lora-targets", "add --method lora")),
    "adapter-precision-of-full": ("--lora-precision bf16", ("--lora-precision",)),
    "adapter-dropout-of-full": ("--lora-dropout 0.1", ("--lora-dropout",)),
    "quantized-scales-of-full": (
        "--double-quant --method full",
        ("--double-quant", "--method full", "add --method qlora"),
    ),
    "quantized-scales-of-lora": (
        "--no-double-quant --method lora",
        ("--double-quant", "--method lora", "add --method qlora"),
    ),
    "4-bit-in-fp32-storage": (
        "--method qlora --recipe autocast",
        ("--method qlora", "--recipe autocast", "drop --recipe"),
    ),
    "masters-of-adapters": ("--method lora --recipe master", ("--recipe master", "adapters")),
    "flash-in-fp32": (
        "--attention flash --precision fp32",
        ("flash", "fp32", "--attention efficient"),
    ),
    "flash-on-turing": (
        "--gpu t4 --attention flash",
        ("flash", "T4", "--attention efficient"),
    ),
    "logits-of-a-fused-loss": ("--keep-logits --loss fused", ("--keep-logits", "fused loss")),
    "offload-of-nothing": (
        "--offload optimizer --optimizer sgd",
        ("--offload optimizer", "sgd keeps no state"),
    ),
    "host-without-offload": ("--host-memory 64GiB", ("--host-memory", "--offload")),
    "everything-frozen": ("--method frozen:48", ("frozen:48", "48 blocks", "at most 47")),
    "frozen-by-name": ("--method frozen:x", ("'frozen:x'", "frozen:8")),
    "frozen-negative": ("--method frozen:-1", ("'frozen:-1'", "frozen:8")),
    "frozen-without-number": ("--method frozen", ("'frozen'", "frozen:8")),
    "misspelt-method": ("--method loora", ("'loora'", "full, lora, qlora")),
    "adapters-of-experts": (
        "--gpu h100 --model mixtral-8x7b --method lora",
        ("lora", "Mixtral", "--method full"),
    ),
    "masters-in-fp32": ("--recipe master --precision fp32", ("--recipe master", "fp32")),
    "loop-of-lion": ("--optimizer lion --optimizer-impl loop", ("lion", "drop it")),
    "eight-bit-floats": ("--gpu h100 --precision fp8", ("memory is not known", "fp8")),
    "a-bare-size": ("--model 1.5B", ("a model with a shape",)),
    "two-cards": ("--gpu 4070ti --gpu 4090", ("one pair, not 2",)),
    "rank-of-zero": ("--method lora --lora-rank 0", ("--lora-rank", "'0'")),
    "unknown-offload": ("--offload cpu", ("'cpu'", "none, optimizer, all")),
}


ONLY_MEMORY = {"eight-bit-floats", "a-bare-size", "two-cards"}
"""Questions that ``compare`` can answer, or refuses for another reason."""


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("memory", name) for name in BAD),
        *(("compare", name) for name in BAD if name not in ONLY_MEMORY),
    ],
)
def test_one_sentence_and_exit_code_2(cli: Cli, command: str, name: str) -> None:
    options, parts = BAD[name]
    words = shlex.split(options)
    gpu = () if "--gpu" in words else ("--gpu", "4070ti")
    model = () if "--model" in words else ("--model", "gpt2-xl")
    result = cli(command, *gpu, *model, *words)

    assert (result.code, result.out) == (2, "")
    assert re.fullmatch(r"gptbudget: error: [^\n]+; [^\n]+\n", result.err), result.err
    for part in parts:
        assert part in result.err
