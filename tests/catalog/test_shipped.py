"""The shipped catalogs: every entry builds, cites its sources, and holds what makers published."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.catalog import Entry
from gptbudget.catalog.check import check_catalog, tensor_rate_faults, tensor_rates
from gptbudget.catalog.paths import shipped_files
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec

FILE = read_yaml(shipped_files()[0])
GPUS = {entry.key: entry for entry in load_catalog().gpus}
MODELS = {entry.key: entry for entry in load_catalog().models}

# A URL, or a document with the place in it.
URL = re.compile(r"https?://[\w.-]+\.\w+/\S*")
PLACE = re.compile(r"\b(page|table|appendix|figure|section|rank) ?[\w.]+", re.IGNORECASE)


def test_there_are_enough_accelerators() -> None:
    assert len(GPUS) >= 105


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.name)
def test_the_check_finds_no_fault(path: Path) -> None:
    assert check_catalog(path) == []


@pytest.mark.parametrize(
    "entry", [*GPUS.values(), *MODELS.values()], ids=lambda entry: str(entry.key)
)
def test_sources(entry: Entry[GpuSpec] | Entry[ModelSpec]) -> None:
    assert entry.spec.sources
    for source in entry.spec.sources:
        assert URL.match(source) or PLACE.search(source), source


def test_no_name_is_claimed_twice() -> None:
    """Over both files: a user who types a name means one thing."""
    catalog = load_catalog()
    for section in (catalog.gpus, catalog.models):
        assert set(section.index().values()) == set(section.raw)
    assert not set(catalog.gpus.index()) & set(catalog.models.index())


# --- figures --------------------------------------------------------------------------------

WITHOUT_BF16 = {"Kepler", "Pascal", "Volta", "Turing"}
"""bf16 came with Ampere: https://developer.nvidia.com/blog/nvidia-ampere-architecture-in-depth/"""


@pytest.mark.parametrize(
    "spec",
    [e.spec for e in GPUS.values() if e.spec.architecture in WITHOUT_BF16],
    ids=lambda spec: str(spec.name),
)
def test_no_bf16_before_ampere(spec: GpuSpec) -> None:
    assert spec.peak_tflops.bf16 is None
    assert spec.best_precision == ("fp32" if spec.architecture in {"Kepler", "Pascal"} else "fp16")


BY_CORES = re.compile(r"GeForce|RTX|TITAN|Quadro|Tesla", re.IGNORECASE)


@pytest.mark.parametrize(
    "spec",
    [
        e.spec
        for e in GPUS.values()
        if e.spec.vendor == "NVIDIA" and BY_CORES.search(e.spec.name) and e.spec.cores
    ],
    ids=lambda spec: str(spec.name),
)
def test_fp32_is_two_a_core_and_cycle(spec: GpuSpec) -> None:
    assert spec.cores is not None
    assert spec.boost_mhz is not None
    assert spec.peak_tflops.fp32 == pytest.approx(2 * spec.cores * spec.boost_mhz / 1e6, rel=0.01)


def test_every_modern_geforce_and_rtx_says_its_cores() -> None:
    """So that the check above passes nobody over; before 2006 there were no such cores."""
    left_out = [
        key
        for key, entry in GPUS.items()
        if BY_CORES.search(entry.spec.name) and None in (entry.spec.cores, entry.spec.boost_mhz)
    ]
    assert left_out == ["geforce-6800-ultra", "geforce-7800-gtx"]


FAMILIES = {key: e.spec for key, e in GPUS.items() if e.spec.tensor_family is not None}


@pytest.mark.parametrize("key", FAMILIES)
def test_tensor_peaks_follow_their_family(key: str) -> None:
    assert list(tensor_rate_faults(FAMILIES[key], FILE, key)) == []


def test_every_card_with_tensor_cores_of_a_known_family_names_it() -> None:
    """Hopper and the data center Blackwell parts have another clock for their tensor cores."""
    tied = {"Volta", "Turing", "Ampere", "Ampere GA100", "Ada Lovelace", "Blackwell (GB20x)"}
    loose = [k for k, e in GPUS.items() if e.spec.architecture in tied and k not in FAMILIES]
    assert loose == []


def test_the_exceptions_are_these_and_are_needed() -> None:
    """As published: see the reasons in the table."""
    exceptions = tensor_rates().exceptions
    assert {(key, rate) for key, rates in exceptions.items() for rate in rates} == {
        ("titan-v", "fp16"),
        ("a10g", "int8"),
        ("l40", "int8"),
        ("l40s", "fp16"),
        ("l40s", "bf16"),
    }
    for key in exceptions:
        found = list(tensor_rate_faults(FAMILIES[key], FILE, "a-card-without-exception"))
        assert len(found) == len(exceptions[key])


def test_every_family_is_used() -> None:
    assert set(tensor_rates().families) == {spec.tensor_family for spec in FAMILIES.values()}


def test_prices_are_dated() -> None:
    prices = chain.from_iterable(
        (e.spec.price, e.spec.cloud_price_per_hour, e.spec.cloud_spot_price_per_hour)
        for e in GPUS.values()
    )
    dates = [price.date for price in prices if price is not None]
    assert len(dates) > 50
    assert all(re.match(r"(19|20)\d\d", date) for date in dates)


ADA = (
    "https://images.nvidia.com/aem-dam/Solutions/Data-Center/l4/"
    "nvidia-ada-gpu-architecture-whitepaper-v2.1.pdf, Appendix A"
)
AMPERE = "https://developer.nvidia.com/blog/nvidia-ampere-architecture-in-depth/"
HOPPER = "https://www.nvidia.com/en-us/data-center/h100/: 1979 with sparsity, halved"

# (accelerator, rate, TFLOP/s, where it is printed). Dense everywhere; `accumulate` keeps sums
# in fp16, which doubles the rate of a GeForce and is never what training uses.
PUBLISHED = [
    (
        "rtx-4070-ti",
        "fp32",
        40.09,
        "https://www.techpowerup.com/gpu-specs/geforce-rtx-4070-ti.c3950",
    ),
    ("rtx-4070-ti", "bf16", 80.18, f"twice fp32, as all of the family: {ADA}"),
    ("rtx-4070-ti", "accumulate", 160.4, f"four times fp32, as all of the family: {ADA}"),
    ("rtx-4090", "fp32", 82.6, ADA),
    ("rtx-4090", "bf16", 165.2, ADA),
    ("rtx-4090", "accumulate", 330.3, ADA),
    ("a100-sxm-80gb", "bf16", 312, AMPERE),
    ("a100-sxm-80gb", "tf32", 156, AMPERE),
    ("a100-sxm-80gb", "fp32", 19.5, AMPERE),
    ("v100-sxm-32gb", "fp16", 125, AMPERE),
    ("h100-sxm-80gb", "bf16", 989.4, HOPPER),
    (
        "l4",
        "bf16",
        121,
        "242 with sparsity, halved: https://www.techpowerup.com/gpu-specs/l4.c4091",
    ),
    ("t4", "fp16", 65, "https://www.techpowerup.com/gpu-specs/tesla-t4.c3316"),
    ("tpu-v5e", "bf16", 197, "https://docs.cloud.google.com/tpu/docs/v5e"),
    (
        "bluegene-l-2005",
        "fp64",
        367.0,
        "TOP500 list, June 2006, rank 1: 131072 cores x 4 x 700 MHz",
    ),
]


@pytest.mark.parametrize(
    ("key", "rate", "tflops"),
    [row[:3] for row in PUBLISHED],
    ids=[f"{row[0]}-{row[1]}" for row in PUBLISHED],
)
def test_published_peaks(key: str, rate: str, tflops: float) -> None:
    spec = GPUS[key].spec
    if rate == "accumulate":
        assert spec.peak_tflops_fp16_accumulate is not None
        found = spec.peak_tflops_fp16_accumulate.fp16
    else:
        found = getattr(spec.peak_tflops, rate)
    assert found == pytest.approx(tflops, rel=0.003)


def test_blue_gene_has_no_known_memory() -> None:
    assert GPUS["bluegene-l-2005"].spec.memory_bytes is None


def test_a_card_whose_sums_in_fp16_are_faster_never_trains_at_that_rate() -> None:
    for entry in GPUS.values():
        apart = entry.spec.peak_tflops_fp16_accumulate
        if apart is not None and apart.fp16 is not None:
            assert entry.spec.peak_tflops.fp16 is not None
            assert entry.spec.peak_tflops.fp16 < apart.fp16, entry.key


def test_models_that_are_promised() -> None:
    wanted = """
        gpt2 gpt2-medium gpt2-large gpt2-xl gpt3-125m gpt3-350m gpt3-1.3b gpt3-6.7b gpt3-13b
        gpt3-175b nanogpt-124m nanogpt-124m-padded-nobias nanogpt-124m-padded llama-2-7b
        llama-2-13b llama-2-70b llama-3-8b llama-3-70b llama-3.1-405b llama-3.2-1b llama-3.2-3b
        tinyllama mistral-7b chinchilla-70b gopher-280b gopher-1.4b
    """
    models = load_catalog().models
    assert [models.find(name).key for name in wanted.split()]


def test_parameters_are_never_typed_in() -> None:
    raw = read_yaml(shipped_files()[1]).data["models"]
    assert not [key for key, data in raw.items() if any("param" in name for name in data)]
