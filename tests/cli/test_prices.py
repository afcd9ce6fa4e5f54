"""Money: dated prices of the catalog, those of the user, and what is not known."""

from __future__ import annotations

import pytest

from gptbudget import load_catalog
from tests.conftest import Cli

CLUSTER = ("--gpu", "h100", "--gpus", "8", "--model", "llama-2-7b", "--tokens", "10B")
HOME = ("--gpu", "4090", "--model", "gpt2")


def cost(cli: Cli, *options: str) -> dict[str, object]:
    found: dict[str, object] = cli("compare", *options, "-o", "json").json["results"][0]["cost"]
    return found


def test_providers_of_a_cloud(cli: Cli) -> None:
    answer = " ".join(cli("compare", *CLUSTER).out.split())
    found = cost(cli, *CLUSTER)
    providers = found["providers"]
    assert isinstance(providers, list)

    assert {each["kind"] for each in providers} == {"on-demand", "spot"}
    assert all(each["date"] and each["source"].startswith("https://") for each in providers)
    asked = [each["usd"] for each in providers if each["kind"] == "on-demand"]
    assert min(asked) < found["usd"] < max(asked)
    assert "elsewhere" in answer
    assert "$2.69 at RunPod Community, $12.29 at Azure" in answer


@pytest.mark.parametrize(
    ("gpu", "said"),
    [
        ("l40s", "$0.941 at Verda, 2026-10-29"),
        ("rtx-a6000", "$0.41 at Verda, 2026-10-29"),
        ("a100-sxm-40gb", "$1.10 at GCP, 2025-03"),
    ],
)
def test_a_single_spot_price_is_said(cli: Cli, gpu: str, said: str) -> None:
    lines = cli("compare", "--gpu", gpu, "--model", "gpt2").out.splitlines()

    (spot,) = [line for line in lines if line.startswith("spot ")]
    assert said in spot


def test_a_spot_price_of_a_card_is_one_of_its_providers() -> None:
    for entry in load_catalog(user=False).gpus:
        spot, offers = entry.spec.cloud_spot_price_per_hour, entry.spec.cloud_prices
        if spot is not None:
            assert spot.usd in {each.usd for each in offers if each.kind == "spot"}, entry.key


def test_a_card_at_home_has_a_purchase_and_an_electricity_bill(cli: Cli) -> None:
    answer = " ".join(cli("compare", *HOME, "--kwh-price", "0.3").out.split())

    assert "purchase $1,599 $1,599, msrp of 2022-10" in answer
    assert "electricity $" in answer
    assert "rent" not in answer


def test_a_price_of_the_user_stands_alone(cli: Cli) -> None:
    answer = cli("compare", *CLUSTER, "--price", "2").out

    assert "at $2.00 per GPU-hour" in answer
    assert "elsewhere" not in answer


@pytest.mark.parametrize("option", ["--price", "--kwh-price"])
def test_nothing_is_a_price(cli: Cli, option: str) -> None:
    found = cost(cli, *HOME, option, "0")

    assert (found["usd"] if option == "--price" else found["electricity_usd"]) == 0


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--price", "-1", "write a number, 0 or more"),
        ("--price", "much", "is not an amount of money"),
        ("--kwh-price", "-0.1", "write a number, 0 or more"),
        ("--pue", "0.9", "is less than one"),
        ("--power", "0", "greater than zero"),
        ("--power", "-5", "greater than zero"),
        ("--grid", "-1", "--grid"),
        ("--grid", "atlantis", "atlantis"),
    ],
)
def test_what_is_no_money(cli: Cli, option: str, value: str, said: str) -> None:
    result = cli("compare", *HOME, option, value)

    assert result.code in {2, 3}
    assert not result.out
    assert said in result.err


def test_unknown_stays_unknown(cli: Cli) -> None:
    found = cost(cli, "--gpu", "4070ti", "--model", "gpt2")

    assert (found["usd"], found["electricity_usd"], found["co2_kg"]) == (None, None, None)
    assert found["providers"] == []


def test_every_price_is_dated_and_has_a_source() -> None:
    cards = [entry.spec for entry in load_catalog(user=False).gpus]
    offers = [each for card in cards for each in card.cloud_prices]

    assert len(offers) >= 96
    assert all(each.source.startswith("https://") and each.provider for each in offers)
