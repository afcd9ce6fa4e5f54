"""A length is counted in 1,024, an amount in 1,000, wherever it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

import gptbudget
from tests.conftest import Cli

ASKED = ("--gpu", "h100", "--model", "llama-2-7b")


@pytest.mark.parametrize("command", ["compare", "memory"])
def test_k_of_a_length_is_1024(cli: Cli, command: str) -> None:
    result = cli(command, *ASKED, "--seq-len", "4k", "-o", "json")

    assert result.json["request"]["seq_len"] == {"value": 4096, "origin": "given"}


def test_k_of_an_amount_is_1000(cli: Cli) -> None:
    amounts = ("--micro-batch", "1k", "--global-batch-tokens", "4M", "--tokens", "5k")
    asked = cli("compare", *ASKED, "--seq-len", "2k", *amounts, "-o", "json").json["request"]

    assert asked["micro_batch"]["value"] == 1_000
    assert asked["tokens"]["value"] == 5_000
    assert asked["global_batch_tokens"]["value"] % (2_048 * 1_000) == 0


def test_a_model_at_a_length(cli: Cli) -> None:
    at = cli("models", "llama-3-8b", "--seq-len", "8k", "-o", "json").json["flops_per_token"]

    assert at["seq_len"] == 8_192


def test_a_scenario_and_python_read_the_same(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_text("question: Does it fit?\ngpu: h100\nmodel: llama-2-7b\nseq_len: 4k\n")
    asked = cli("compare", "--config", str(file), "-o", "json").json["request"]
    found = gptbudget.estimate(gpu="h100", model="llama-2-7b", seq_len="4k")

    assert asked["seq_len"] == {"value": 4096, "origin": "scenario"}
    assert found.run.values["seq_len"] == 4096


@pytest.mark.parametrize("command", ["compare", "memory", "fit", "plan", "models"])
def test_the_help_says_so(cli: Cli, command: str) -> None:
    said = " ".join(cli(command, "--help").out.split())

    assert "of a length k is 1,024 (4k is 4096), of an amount 1,000" in said
