"""``--gpu auto``: the cards of this machine, read off a driver that tests put in place."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.local import find_local
from tests.conftest import Cli
from tests.nvml import (
    MIB,
    DriverNotLoadedError,
    FakeCard,
    LibraryNotFoundError,
    NVMLError,
    fake_nvml,
)

Driver = Callable[..., Any]

RTX_4070_TI = FakeCard("NVIDIA GeForce RTX 4070 Ti", 12282, 294)
A100 = FakeCard("NVIDIA A100-SXM4-80GB", 81920, 681, mig=False)
UNKNOWN = FakeCard("NVIDIA GeForce RTX 5070 Ti Laptop GPU", 12227, 363)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Put a driver in place: ``driver(A100, A100)``."""

    def install(*cards: FakeCard, fails: NVMLError | None = None) -> Any:
        module = fake_nvml(*cards, fails=fails)
        monkeypatch.setitem(sys.modules, "pynvml", module)
        return module

    return install


# The driver's name, memory that nvidia-smi shows in MiB, and the entry that is meant.
NAMES = [
    ("NVIDIA GeForce GTX 1080 Ti", 11264, "gtx-1080-ti"),
    ("GeForce RTX 2080 Ti", 11264, "rtx-2080-ti"),
    ("NVIDIA GeForce RTX 3060", 12288, "rtx-3060-12gb"),
    ("NVIDIA GeForce RTX 3080", 10240, "rtx-3080-10gb"),
    ("NVIDIA GeForce RTX 3080", 12288, "rtx-3080-12gb"),
    ("NVIDIA GeForce RTX 3090", 24576, "rtx-3090"),
    ("NVIDIA GeForce RTX 4060 Ti", 8188, "rtx-4060-ti-8gb"),
    ("NVIDIA GeForce RTX 4060 Ti", 16380, "rtx-4060-ti-16gb"),
    ("NVIDIA GeForce RTX 4070 Ti", 12282, "rtx-4070-ti"),
    ("NVIDIA GeForce RTX 4070 Ti SUPER", 16376, "rtx-4070-ti-super"),
    ("NVIDIA GeForce RTX 4090", 24564, "rtx-4090"),
    ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376, "rtx-4090-laptop"),
    ("NVIDIA GeForce RTX 5090", 32607, "rtx-5090"),
    ("NVIDIA TITAN RTX", 24576, "titan-rtx"),
    ("Quadro RTX 8000", 49152, "quadro-rtx-8000"),
    ("NVIDIA RTX A6000", 49140, "rtx-a6000"),
    ("NVIDIA RTX 6000 Ada Generation", 46068, "rtx-6000-ada"),
    ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 97887, "rtx-pro-6000-blackwell-server"),
    ("Tesla P100-PCIE-16GB", 16280, "p100-pcie"),
    ("Tesla V100-SXM2-16GB", 16152, "v100-sxm-16gb"),
    ("Tesla V100-SXM2-32GB", 32510, "v100-sxm-32gb"),
    ("Tesla T4", 15360, "t4"),
    ("NVIDIA A10G", 23028, "a10g"),
    ("NVIDIA A100-SXM4-40GB", 40960, "a100-sxm-40gb"),
    ("NVIDIA A100-SXM4-80GB", 81920, "a100-sxm-80gb"),
    ("NVIDIA A100 80GB PCIe", 81920, "a100-pcie-80gb"),
    ("NVIDIA A100-PCIE-40GB", 40960, "a100-pcie-40gb"),
    ("NVIDIA L4", 23034, "l4"),
    ("NVIDIA L40S", 46068, "l40s"),
    ("NVIDIA H100 80GB HBM3", 81559, "h100-sxm-80gb"),
    ("NVIDIA H100 PCIe", 81559, "h100-pcie-80gb"),
    ("NVIDIA H100 NVL", 95830, "h100-nvl-94gb"),
    ("NVIDIA H200", 143771, "h200-sxm-141gb"),
    ("NVIDIA GH200 480GB", 97871, "gh200-96gb"),
    ("NVIDIA B200", 183359, "b200"),
    ("NVIDIA GB200", 189471, "gb200"),
    ("NVIDIA B300 SXM6 AC", 275040, "b300"),
]


@pytest.mark.parametrize(("name", "mib", "key"), NAMES)
def test_names_of_the_driver_find_their_entry(
    driver: Driver, name: str, mib: int, key: str
) -> None:
    driver(FakeCard(name, mib))
    assert find_local(load_catalog().gpus).entry.key == key


@pytest.mark.parametrize(
    ("name", "mib"),
    [
        ("NVIDIA GeForce RTX 3060", 8192),  # another card of the same name
        ("NVIDIA A100", 81920),  # a part of a name is not a name
        ("nvidia a100-sxm4-80gb", 81920),
        ("NVIDIA GeForce RTX 4070 Ti D", 12282),
        ("Graphics Device", 81920),
    ],
)
def test_nothing_less_than_the_whole_name_and_the_memory(
    driver: Driver, cli: Cli, name: str, mib: int
) -> None:
    driver(FakeCard(name, mib))
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2")
    assert (answer.code, answer.out) == (3, "")
    assert f"the catalog does not have {name} with {mib / 1024:.0f} GiB" in answer.err


def request(answer: Any) -> dict[str, tuple[Any, str]]:
    found = answer.json["request"]
    return {name: (field["value"], field["origin"]) for name, field in found.items()}


def test_compare_takes_card_memory_and_number_from_the_driver(driver: Driver, cli: Cli) -> None:
    module = driver(A100, A100._replace(reserved_mib=700))
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2", "-o", "json")
    asked = request(answer)

    assert asked["gpu"] == ("a100-sxm-80gb", "driver")
    assert asked["gpus"] == (2, "driver")
    assert asked["gpu_memory"] == ((81920 - 700) * MIB, "driver")
    assert answer.json["results"][0]["memory"]["usable_bytes"] == (81920 - 700) * MIB
    assert module.shut == 1


def test_the_table_says_whose_memory_it_is(driver: Driver, cli: Cli) -> None:
    driver(RTX_4070_TI)
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2-xl")
    assert re.search(r"usable +11\.71 GiB +of this machine, by its driver", answer.out)
    assert "gptbudget compare --gpu auto --model gpt2-xl --offload all" in answer.out


def test_what_is_given_stays(driver: Driver, cli: Cli) -> None:
    driver(A100, A100)
    options = ("--gpus", "4", "--gpu-memory", "40GiB", "--reserve", "1GiB")
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2", *options, "-o", "json")
    asked = request(answer)
    assert asked["gpus"] == (4, "given")
    assert asked["gpu_memory"] == (40 * 2**30, "given")


def test_a_layout_says_how_many(driver: Driver, cli: Cli) -> None:
    driver(A100, A100, A100, A100)
    alone = cli("compare", "--gpu", "auto", "--model", "gpt2", "--dp", "2", "-o", "json")
    cut = cli("compare", "--gpu", "auto", "--model", "llama-2-7b", "--tp", "2", "-o", "json")
    assert request(alone)["gpus"][0] == 2
    assert (request(cut)["gpus"][0], request(cut)["dp"][0]) == (4, 2)


def test_a_scenario_may_say_it(driver: Driver, cli: Cli, tmp_path: Path) -> None:
    driver(RTX_4070_TI)
    file = tmp_path / "job.yaml"
    file.write_text("question: does it fit here?\ngpu: auto\nmodel: gpt2\n")
    answer = cli("compare", "--config", str(file), "-o", "json")
    assert request(answer)["gpu"] == ("rtx-4070-ti", "driver")


def test_memory(driver: Driver, cli: Cli) -> None:
    driver(RTX_4070_TI)
    answer = cli("memory", "--gpu", "auto", "--model", "gpt2", "-o", "json")
    assert answer.json["results"][0]["memory"]["usable_bytes"] == (12282 - 294) * MIB


def test_fit_searches_on_the_cards_there_are(driver: Driver, cli: Cli) -> None:
    driver(A100, A100)
    options = ("--gpu", "auto", "--model", "gpt2", "--top", "1")
    here = cli("fit", *options, "-o", "json").json
    more = cli("fit", *options, "--gpus", "4", "-o", "json").json
    assert [row["gpus"] for row in here["results"]] == [2]
    assert [row["gpus"] for row in more["results"]] == [4]
    assert "gptbudget compare --gpu auto" in cli("fit", *options).out


def test_plan_counts_the_cards_for_a_budget_and_leaves_them_open_for_a_model(
    driver: Driver, cli: Cli
) -> None:
    driver(A100, A100)
    budget = cli("plan", "--gpu", "auto", "--time", "30d", "-o", "json").json
    counted = cli("plan", "--gpu", "auto", "--model", "gpt2", "--time", "30d", "-o", "json").json
    assert budget["budget"]["gpu_hours"] == pytest.approx(2 * 720)
    assert counted["results"][0]["gpus"] == 1


def test_calibrate_saves_for_the_card(driver: Driver, cli: Cli) -> None:
    driver(FakeCard("NVIDIA GeForce RTX 4090", 24564))
    options = ("--gpu", "auto", "--model", "gpt2", "--micro-batch", "16")
    answer = cli("calibrate", *options, "--tokens-per-s", "98000")
    assert answer.out.startswith("Saved rtx-4090/compiled")


def test_models_reads_a_speed_of_all_cards(driver: Driver, cli: Cli) -> None:
    driver(A100, A100)
    speed = ("gpt2", "--tokens-per-s", "300000", "-o", "json")
    here = cli("models", *speed, "--gpu", "auto").json
    same = cli("models", *speed, "--gpu", "a100", "--gpus", "2").json
    assert here == same


def test_names_as_bytes_and_drivers_that_do_not_say_what_they_keep(driver: Driver) -> None:
    driver(FakeCard(b"NVIDIA GeForce RTX 4090", 24564, None))
    local = find_local(load_catalog().gpus)
    assert (local.entry.key, local.usable_bytes) == ("rtx-4090", 24564 * MIB)


def test_memory_that_the_driver_does_not_count_is_that_of_the_catalog(
    driver: Driver, cli: Cli
) -> None:
    driver(FakeCard("NVIDIA GeForce RTX 4090", None))
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2", "-o", "json")
    assert request(answer)["gpu_memory"][1] == "catalog"


def refused(answer: Any, code: int, sentence: str) -> None:
    assert (answer.code, answer.out) == (code, "")
    assert answer.err == f"gptbudget: error: {sentence}\n"


NO_DRIVER = "no NVIDIA driver runs on this machine"
NAME_ONE = "name one, for example --gpu 4070ti"


def test_without_the_extra(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    refused(
        cli("compare", "--gpu", "auto", "--model", "gpt2"),
        2,
        "--gpu auto needs the package nvidia-ml-py; "
        f"install it with pip install 'gptbudget[nvml]', or {NAME_ONE}",
    )


@pytest.mark.parametrize(
    ("fails", "sentence"),
    [
        (
            LibraryNotFoundError("NVML Shared Library Not Found"),
            "no NVIDIA driver runs on this machine",
        ),
        (DriverNotLoadedError("Driver Not Loaded"), "no NVIDIA driver runs on this machine"),
        (
            NVMLError("Insufficient Permissions"),
            "the NVIDIA driver does not answer: Insufficient Permissions",
        ),
    ],
    ids=["no-library", "not-loaded", "no-permission"],
)
def test_no_driver(driver: Driver, cli: Cli, fails: NVMLError, sentence: str) -> None:
    driver(fails=fails)
    for command in ("compare", "memory", "fit"):
        refused(cli(command, "--gpu", "auto", "--model", "gpt2"), 2, f"{sentence}; {NAME_ONE}")


def test_no_card(driver: Driver, cli: Cli) -> None:
    driver()
    sentence = "the NVIDIA driver finds no card on this machine"
    refused(cli("plan", "--gpu", "auto", "--time", "1d"), 2, f"{sentence}; {NAME_ONE}")


def test_the_real_module_without_a_driver_is_one_sentence(cli: Cli) -> None:
    nvml = pytest.importorskip("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        answer = cli("compare", "--gpu", "auto", "--model", "gpt2")
        assert (answer.code, answer.err.count("\n")) == (2, 1)
    else:
        pytest.skip("this machine has a driver")


def test_different_cards_are_named(driver: Driver, cli: Cli) -> None:
    driver(RTX_4070_TI, UNKNOWN, RTX_4070_TI)
    refused(
        cli("compare", "--gpu", "auto", "--model", "gpt2"),
        2,
        "--gpu auto: this machine has different cards: 2 x rtx-4070-ti, "
        "1 x NVIDIA GeForce RTX 5070 Ti Laptop GPU; name one, for example --gpu rtx-4070-ti",
    )


def test_slices_of_a_card(driver: Driver, cli: Cli) -> None:
    driver(A100._replace(mig=True))
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2")
    assert answer.code == 2
    assert "cut into slices (MIG)" in answer.err


def test_auto_stands_alone(driver: Driver, cli: Cli) -> None:
    driver(A100)
    answer = cli("compare", "--gpu", "auto", "--gpu", "4090", "--model", "gpt2")
    refused(answer, 2, "--gpu auto stands alone; drop the other names, or auto")


def test_no_entry_is_called_auto(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("gpus:\n  mine:\n    aliases: [Auto]\n    peak_tflops: {bf16: 1}\n")
    assert "stands for the cards of this machine" in cli("catalog", "check", str(file)).out


def entry_of(err: str) -> str:
    return err.partition("\n")[2]


@pytest.mark.parametrize(
    "card",
    [
        UNKNOWN,
        FakeCard("NVIDIA GeForce RTX 3060", 8192, 200),  # the name is taken
        FakeCard('Odd: "name" # 7', 8192, 200),
        FakeCard("Unknown chip", None),
    ],
    ids=["new", "taken", "odd", "no-memory"],
)
def test_the_entry_that_is_printed_works_once_its_peaks_are_in(
    driver: Driver, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: FakeCard
) -> None:
    driver(card)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "other.yaml").write_text("gpus:\n  other:\n    peak_tflops: {bf16: 1}\n")
    monkeypatch.setenv("GPTBUDGET_CATALOG", str(folder))
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2")
    file = folder / "gpus.yaml"
    assert answer.code == 3
    assert f"save this as {file}, with its peaks" in answer.err
    file.write_text(entry_of(answer.err))

    assert cli("catalog", "check", str(file)).code == 0
    bare = cli("compare", "--gpu", "auto", "--model", "gpt2")
    assert (bare.code, "has no known bf16, fp16 or fp32 peak" in bare.err) == (2, True)
    text = file.read_text().replace("peak_tflops: {}", "peak_tflops: {bf16: 80}")
    file.write_text(text)
    memory = ("--gpu-memory", "8GiB") if card.total_mib is None else ()
    assert cli("compare", "--gpu", "auto", *memory, "--model", "gpt2").code == 0


def test_a_file_that_is_there_gets_the_entry_added(
    driver: Driver, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(UNKNOWN)
    file = tmp_path / "mine.yaml"
    file.write_text("gpus:\n  other:\n    peak_tflops: {bf16: 1}\n")
    monkeypatch.setenv("GPTBUDGET_CATALOG", str(file))
    answer = cli("compare", "--gpu", "auto", "--model", "gpt2")
    assert f"add this under gpus: in {file}" in answer.err
    file.write_text(file.read_text() + entry_of(answer.err))
    assert cli("catalog", "check", str(file)).code == 0
