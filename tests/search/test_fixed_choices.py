"""What is given stays as it is in every way that is found, and what cannot be is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gptbudget.api import fit
from gptbudget.errors import UsageError
from gptbudget.search.result import Fit
from tests.conftest import Cli

USAGE, FILE = 2, 4
NODE: dict[str, Any] = {"gpu": "h100", "model": "gpt2-xl", "gpus": "8", "recipe": "autocast"}
NODE |= {"optimizer": "adamw", "checkpointing": "none", "loss": "plain", "offload": "none"}


def found(**more: Any) -> Fit:
    answer = fit(**{**NODE, **more})
    assert answer.ways
    return answer


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"dp": 4}, {"dp": 4}),
        ({"dp_shard": 4, "zero": 3}, {"dp_shard": 4}),
        ({"vp": 2, "pp": 2}, {"vp": 2, "pp": 2}),
        ({"ep": 2, "model": "mixtral-8x7b", "optimizer": "adamw8bit", "recipe": "pure"}, {"ep": 2}),
        ({"optimizer_impl": "in-backward"}, {}),
        ({"utilization": 0.4}, {}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_it_stays(given: dict[str, Any], kept: dict[str, int]) -> None:
    for way in found(**given).ways:
        layout = way.estimate.run.layout
        assert {name: getattr(layout, name) for name in kept} == kept


def test_time_of_a_given_utilization_is_that_of_the_formula() -> None:
    """6 N D over the share of the peak: no candidate is faster, whatever its layout."""
    rows = [way.estimate for way in found(utilization=0.4, goodput=1).ways]
    flops = 6 * 1_557_611_200 * (rows[0].run.tokens or 0)
    seconds = {round(row.time.wall_clock_s) for row in rows if row.time is not None}

    assert seconds == {round(flops / (8 * 989.4e12 * 0.4))}


def test_what_one_gpu_does_not_use_is_given_for_the_others() -> None:
    ways = found(gpus="1..2", gpus_per_node=2, network=10).ways

    assert {way.estimate.run.gpus for way in ways} <= {1, 2}


def test_a_convention_of_published_figures_is_refused() -> None:
    with pytest.raises(UsageError, match="palm reads published figures"):
        fit(**NODE, convention="palm")


CARDS = {
    "no-peak": (
        "{peak_tflops: {fp64: 1}, memory_gib: 80}",
        ("compare",),
        "has no known bf16, fp16 or fp32 peak; known: none",
    ),
    "no-speed-of-its-link": (
        "{peak_tflops: {bf16: 100}, memory_gib: 80, memory_bandwidth_gb_per_s: 900,"
        " link: {name: own}}",
        ("compare", "--gpus", "8"),
        "speed of the link",
    ),
}


@pytest.mark.parametrize(("card", "command", "said"), CARDS.values(), ids=CARDS)
def test_a_card_of_which_little_is_known(
    cli: Cli, tmp_path: Path, card: str, command: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "cards.yaml"
    file.write_text(f"gpus:\n  own: {card}\n")
    result = cli(*command, "--gpu", "own", "--model", "gpt2", "--catalog", str(file))

    assert said in result.out + result.err


def test_adapters_on_latent_attention_are_refused(cli: Cli) -> None:
    result = cli("compare", "--gpu", "h100", "--model", "deepseek-v2-lite", "--method", "lora")

    assert result.code == USAGE
    assert "latent attention of " in result.err
