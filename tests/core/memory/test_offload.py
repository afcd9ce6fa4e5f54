"""What an offload takes in host memory, and that too little of it is an answer, not an error.

ZeRO-Offload (Ren et al. 2021, arXiv 2101.06840): the host keeps fp32 weights and both moments, 12
bytes a parameter, and the 16-bit gradients that it is sent.
"""

from __future__ import annotations

from typing import Any

import pytest

from gptbudget import estimate
from gptbudget.run.estimate import Memory
from gptbudget.units import GIB
from tests.conftest import Cli

XL = 1_557_611_200
OFFLOADED = ("--gpu", "4070ti", "--model", "gpt2-xl", "--recipe", "master", "--offload")


def bill(**options: Any) -> Memory:
    memory = estimate(**{"gpu": "4070ti", "model": "gpt2-xl", **options}).memory
    assert memory is not None
    return memory


@pytest.mark.parametrize(
    ("options", "a_parameter"),
    [
        # moments + fp32 weights + gradients (+ the weights themselves)
        pytest.param({"recipe": "master", "offload": "optimizer"}, 8 + 4 + 2, id="master"),
        pytest.param({"recipe": "master", "offload": "all"}, 8 + 4 + 2 + 2, id="master-all"),
        pytest.param({"offload": "optimizer"}, 8 + 4 + 4, id="autocast"),
        pytest.param(
            {"recipe": "master", "offload": "optimizer", "optimizer": "lion"}, 4 + 4 + 2, id="lion"
        ),
        pytest.param(
            {"recipe": "master", "offload": "optimizer", "optimizer": "sgd"}, 4 + 2, id="sgd"
        ),
    ],
)
def test_host_memory(options: dict[str, Any], a_parameter: int) -> None:
    assert bill(**options).host_bytes == a_parameter * XL


def test_nothing_is_on_the_host_without_an_offload() -> None:
    assert bill().host_bytes == 0


def test_card_keeps_weights_and_gradients() -> None:
    end = bill(recipe="master", offload="optimizer").by_phase.phases["optimizer_step"]

    assert end["weights"] == end["gradients"] == 2 * XL
    assert end["optimizer_state"] == end["masters"] == 0


def test_card_keeps_two_blocks_and_what_stands_outside_when_all_is_offloaded() -> None:
    # 12 h^2 + 13 h a block; 50,257 + 1,024 rows and the final norm outside.
    width = 1600
    on_card = 2 * (12 * width**2 + 13 * width) + (50_257 + 1024) * width + 2 * width
    end = bill(recipe="master", offload="all").by_phase.phases["backward_end"]

    assert end["weights"] == pytest.approx(2 * on_card)
    assert end["gradients"] == pytest.approx(2 * on_card)


@pytest.mark.parametrize("impl", ["fused", "foreach", "loop"])
def test_optimizer_on_the_host_needs_nothing_on_the_card(impl: str) -> None:
    phases = bill(offload="optimizer", optimizer_impl=impl).by_phase.phases

    assert phases["optimizer_step"].total == phases["backward_end"].total


@pytest.mark.parametrize(("kind", "needed"), [("optimizer", 14 * XL), ("all", 16 * XL)])
@pytest.mark.parametrize(("missing", "fits"), [(1, False), (0, True)])
def test_too_little_host_memory_is_an_answer(
    cli: Cli, kind: str, needed: int, missing: int, *, fits: bool
) -> None:
    host = f"{needed - missing}B"
    result = cli("memory", *OFFLOADED, kind, "--host-memory", host, "-o", "json")
    memory = result.json["results"][0]["memory"]

    assert result.code == 0
    assert memory["fits"] is fits
    assert memory["peak_bytes"] < memory["usable_bytes"]
    assert memory["host_bytes"] == needed


@pytest.mark.parametrize("command", ["memory", "compare"])
@pytest.mark.parametrize(("host", "code"), [("8GiB", 5), ("64GiB", 0)])
def test_check_says_it_with_the_exit_code(cli: Cli, command: str, host: str, code: int) -> None:
    result = cli(command, *OFFLOADED, "optimizer", "--host-memory", host, "--check")

    assert (result.code, result.err) == (code, "")


def test_answer_names_both_memories(cli: Cli) -> None:
    out = cli("memory", *OFFLOADED, "optimizer", "--host-memory", "8GiB").out
    host = f"{14 * XL / GIB:.2f} GiB"

    assert out.startswith("No: ")
    assert f"{host} of 8.00 GiB of host memory" in out.partition("\n")[0]
    assert "the offload keeps in host memory: optimizer state" in out
