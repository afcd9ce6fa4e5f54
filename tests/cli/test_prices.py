"""Money: dated prices of the catalog, those of the user, and what is not known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.catalog import Entry
from gptbudget.specs.gpu import GpuSpec
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


OFFERED = [
    entry
    for entry in load_catalog(user=False).gpus
    if entry.spec.cloud_prices and entry.spec.cloud_price_per_hour is None
]


@pytest.mark.parametrize("entry", OFFERED, ids=[entry.key for entry in OFFERED])
def test_a_card_with_offers_alone_has_the_price_of_one(cli: Cli, entry: Entry[GpuSpec]) -> None:
    asked = ("compare", "--gpu", entry.key, "--model", "gpt2", "--precision", "fp32", "-o", "json")
    answer = cli(*asked).json
    (note,) = [each for each in answer["results"][0]["notes"] if each.startswith("price $")]
    price = answer["request"]["price"]
    (offer,) = [
        each
        for each in answer["results"][0]["cost"]["providers"]
        if each["usd_per_gpu_hour"] == price["value"]
    ]

    assert price["origin"] == "catalog"
    assert answer["results"][0]["cost"]["usd"] == pytest.approx(offer["usd"])
    named = f"{offer['provider']}, {offer['kind']}, {offer['date']}: {offer['source']}"
    assert note.endswith(named)
    assert re.search(r"per GPU-hour, the median of [0-9]+ offers?: ", note)


def test_there_are_such_cards() -> None:
    assert "rtx-5090" in [entry.key for entry in OFFERED]


LAB = """
gpus:
  lab-card:
    memory_gib: 24
    memory_bandwidth_gb_per_s: 900
    peak_tflops: {bf16: 150}
    cloud_prices:
"""
OFFERS = {
    "one": ((("A", 3, "on-demand"),), "$3.00 per GPU-hour, the median of 1 offer: A, on-demand"),
    "odd": (
        (("A", 3, "on-demand"), ("B", 1, "on-demand"), ("C", 9, "on-demand")),
        "$3.00 per GPU-hour, the median of 3 offers: A, on-demand, 2026-01",
    ),
    "even": (
        (
            ("A", 3, "on-demand"),
            ("B", 1, "on-demand"),
            ("C", 9, "on-demand"),
            ("D", 2, "on-demand"),
        ),
        "$2.00 per GPU-hour, the median of 4 offers: D, on-demand, 2026-01",
    ),
    "on-demand": (
        (("A", 3, "on-demand"), ("B", 1, "spot"), ("C", 2, "spot"), ("D", 5, "on-demand")),
        "$3.00 per GPU-hour, the median of 2 offers: A, on-demand, 2026-01",
    ),
    "spot": (
        (("A", 3, "spot"), ("B", 1, "spot"), ("C", 2, "spot")),
        "$2.00 per GPU-hour, the median of 3 offers: C, spot, 2026-01",
    ),
}


@pytest.mark.parametrize("case", OFFERS.values(), ids=OFFERS)
def test_the_median_is_an_offer(
    cli: Cli, tmp_path: Path, case: tuple[tuple[tuple[str, float, str], ...], str]
) -> None:
    offers, said = case
    file = tmp_path / "lab.yaml"
    file.write_text(
        LAB
        + "".join(
            f"      - {{provider: {who}, usd: {usd}, kind: {kind}, date: 2026-01, source: said}}\n"
            for who, usd, kind in offers
        )
    )
    answer = cli("compare", "--gpu", "lab-card", "--model", "gpt2", "--catalog", str(file)).out

    assert f"price {said}" in answer
    assert f"at {said.partition(' ')[0]} per GPU-hour (catalog)" in answer


def test_the_median_is_a_price_like_any_other(cli: Cli) -> None:
    asked = ("--gpu", "rtx-5090", "--model", "gpt2")
    steps = cli("compare", *asked, "--explain", "-o", "json").json["results"][0]["explanation"]
    sources = {each["source"] for step in steps for each in step["inputs"]}
    given = cli("compare", *asked, "--price", "1", "-o", "json").json

    assert any(each.startswith("median of 1 offer: Akash, on-demand, ") for each in sources)
    assert given["request"]["price"] == {"value": 1, "origin": "given"}
    assert cli("fit", *asked, "--minimize", "cost", "--top", "1").code == 0


def test_offers_of_one_month_have_one_date(cli: Cli) -> None:
    answer = cli("compare", "--gpu", "k80", "--model", "gpt2").out

    assert "2 offers of 2025-03: $0.90 at AWS" in answer


def test_a_page_names_the_offer(cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    cli("compare", "--gpu", "5090", "--model", "gpt2", "--html", str(page))

    assert "median of 1 offer: Akash, on-demand, 2026-09-20" in page.read_text()


def test_a_list_and_a_card_show_the_price_that_is_taken(cli: Cli) -> None:
    row = next(line for line in cli("gpus").out.splitlines() if line.startswith("rtx-5090 "))
    card = " ".join(cli("gpus", "k80").out.split())

    assert "0.67" in row.split()
    assert "hourly price used $0.90 (median of 2 offers: AWS, on-demand, 2025-03)" in card
