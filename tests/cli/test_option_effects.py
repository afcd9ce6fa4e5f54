"""No option without an effect: each one changes a number of the answer, in a scenario told here.

What merely echoes the question is left out of the comparison. A new option fails these tests until
it stands in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import Cli


class Change(NamedTuple):
    """A changed value of one option, and the command line in which it matters."""

    value: str | None
    """What is typed behind the option; ``None`` for a switch."""
    scenario: str = ""
    """The rest of the command line, where the usual one of the command does not do."""
    before: str = ""
    """What is asked before the change beside that rest."""


USUAL = "--gpu a100 --model llama-2-7b"
SMALL = "--gpu 4090 --model gpt2"
EIGHT = f"{USUAL} --gpus 8"
NODES = f"{USUAL} --gpus 16"
LORA = f"{USUAL} --method lora"

HARDWARE = {
    "gpu": Change("h100", "--model gpt2", "--gpu a100"),
    "gpus": Change("4"),
    "gpus_per_node": Change("4", NODES),
    "network": Change("100", NODES),
    "gpu_memory": Change("40GiB"),
    "reserve": Change("2GiB"),
    "host_memory": Change("8GiB", f"{USUAL} --offload all"),
    "reserve_host": Change("8191GiB", f"{USUAL} --offload all --host-memory 8TiB"),
}
JOB = {
    "model": Change("gpt2-xl", "--gpu a100", "--model llama-2-7b"),
    "tokens": Change("10B"),
    "data": Change("40GB"),
    "flops": Change("1e21", "--gpu a100 --utilization 40% --flops 2e21"),
    "epochs": Change("3"),
    "time": Change("30d"),
    "seq_len": Change("2048"),
    "micro_batch": Change("2"),
    "global_batch_tokens": Change("1048576"),
}
RECIPE = {
    "precision": Change("fp32"),
    "recipe": Change("pure"),
    "optimizer": Change("sgd"),
    "optimizer_impl": Change("foreach"),
    "attention": Change("eager"),
    "checkpointing": Change("full"),
    "loss": Change("fused"),
    "dropout": Change("0.1", f"{SMALL} --micro-batch 8"),
    "keep_logits": Change(None, f"{SMALL} --micro-batch 8"),
    "offload": Change("optimizer"),
}
METHOD = {
    "method": Change("lora"),
    "lora_rank": Change("64", LORA),
    "lora_targets": Change("qv", LORA),
    "lora_precision": Change("bf16", LORA),
    "lora_dropout": Change("0.1", LORA),
    "double_quant": Change("no", f"{USUAL} --method qlora"),
}
LAYOUT = {
    "dp": Change("2"),
    "tp": Change("2", EIGHT),
    "pp": Change("2", EIGHT),
    "vp": Change("4", f"{EIGHT} --pp 4"),
    "cp": Change("2", EIGHT),
    "ep": Change("4", "--gpu h100 --model mixtral-8x7b --gpus 8"),
    "zero": Change("1", EIGHT),
    "sequence_parallel": Change(None, f"{EIGHT} --tp 4"),
    "dp_shard": Change("8", NODES),
}
ASSUMPTIONS = {
    "utilization": Change("40%"),
    "goodput": Change("80%"),
    "stack": Change("hf"),
    "no_profile": Change(None, "--gpu rtx-4090 --model gpt2"),
    "convention": Change("exact"),
    "price": Change("3"),
    "kwh_price": Change("0.3"),
    "power": Change("300"),
    "pue": Change("1.3"),
    "grid": Change("germany"),
}
FILES = {"catalogs": Change("CATALOG"), "scenario": Change("SCENARIO")}

COMPARE = {**HARDWARE, **JOB, **RECIPE, **METHOD, **LAYOUT, **ASSUMPTIONS, **FILES}
"""``fit`` and ``plan`` take most of these too, each in its own usual scenario."""

MEMORY = {
    **HARDWARE,
    "gpus_per_node": Change("4", f"{EIGHT} --offload optimizer"),
    **{name: JOB[name] for name in ("model", "seq_len", "micro_batch", "global_batch_tokens")},
    **RECIPE,
    **METHOD,
    **LAYOUT,
    "stack": ASSUMPTIONS["stack"],
    **FILES,
}
del MEMORY["network"]

PINNED = "--offload none --loss plain --checkpointing full --micro-batch 1"
"""What a search is to leave alone, so that it is short; what is typed later wins."""


def pinned(table: Mapping[str, Change], usual: str, rest: str) -> dict[str, Change]:
    """The same changes with ``PINNED`` in front and ``rest`` behind."""
    return {
        name: change._replace(scenario=f"{PINNED} {change.scenario or usual} {rest}")
        for name, change in table.items()
    }


FLAT = "--tp 1 --pp 1 --cp 1 --recipe master"

FIT = pinned(
    {
        **COMPARE,
        "seq_len": Change("512"),
        "gpus_per_node": Change("4", f"{NODES} {FLAT}"),
        "network": Change("100", f"{NODES} {FLAT}"),
        "ep": Change("4", f"--gpu h100 --model mixtral-8x7b --gpus 8 {FLAT}"),
        "checkpointing": Change("none"),
        "dropout": Change("0.1", f"{SMALL} --micro-batch 8 --checkpointing none"),
        "minimize": Change("energy", "--gpu a100 --gpu l4 --model gpt2"),
        "cost": Change("0.01"),
        "top": Change("2", "--gpu a100 --model gpt2"),
    },
    "--gpu a100 --model gpt2",
    "",
)
del FIT["flops"]

BUDGET = "--gpu a100 --time 5d"


def counted(change: Change) -> Change:
    """The same change where the number of GPUs is the answer."""
    return change._replace(scenario=change.scenario.partition(" --gpus ")[0])


PLAN = pinned(
    {
        **{name: counted(change) for name, change in COMPARE.items()},
        "host_memory": Change("8GiB", f"{USUAL} --tokens 1B --offload all"),
        "reserve_host": Change("8191GiB", f"{USUAL} --tokens 1B --offload all --host-memory 8TiB"),
        "sequence_parallel": Change(None, f"{USUAL} --tp 4"),
        "pp": Change("4"),
        "vp": Change("4", f"{USUAL} --pp 4"),
        "checkpointing": Change("none"),
        "loss": Change("fused"),
    },
    USUAL,
    "--time 90d",
) | {
    "gpus": Change("4", BUDGET),
    "flops": Change("1e21", "--unique-tokens 1B --flops 1e20"),
    "price": Change("3", f"{PINNED} {BUDGET}"),
    "cost": Change("100", "--gpu a100 --cost 1000"),
    "unique_tokens": Change("1B", BUDGET),
    "inference_tokens": Change("1T", BUDGET),
    "no_profile": Change(None, f"{PINNED} --gpu rtx-4090 --model gpt2 --time 1d"),
}

MODELS = {
    "name": Change("gpt2", ""),
    "seq_len": Change("512", "gpt2"),
    "tokens_per_s": Change("3600", "llama-2-7b --gpu a100 --tokens-per-s 3000"),
    "tflops": Change("100", "llama-2-7b --gpu a100 --tflops 80"),
    "convention": Change("6nd", "llama-2-7b --gpu a100 --tflops 100"),
    "gpu": Change("h100", "llama-2-7b --tokens-per-s 3600", "--gpu a100"),
    "gpus": Change("8", "llama-2-7b --tokens-per-s 3600 --gpu a100"),
    "precision": Change("fp32", "llama-2-7b --tokens-per-s 1000 --gpu a100"),
    "catalogs": Change("CATALOG", "gpt2"),
}
GPUS = {"name": Change("4090", ""), "catalogs": Change("CATALOG", "a100-sxm-80gb")}
VALIDATE = {
    "run": Change("llmc-gpt2-124m-8a100", "--run llmc-gpt2-1558m-8h100"),
    "runs": Change("MORE", "--runs RUNS"),
    "cross": Change(None, "", "--runs RUNS"),
    "catalogs": Change("CATALOG", "--runs RUNS"),
}

LOGGED = "--tokens-per-s 1000 --peak 20GiB"
CALIBRATE = {
    name: change._replace(scenario=f"{change.scenario or USUAL} {LOGGED}")
    for name, change in {
        **{name: COMPARE[name] for name in ("gpus", "gpus_per_node", "network", "seq_len")},
        **{name: COMPARE[name] for name in ("gpu", "model", "micro_batch", "global_batch_tokens")},
        **RECIPE,
        "precision": Change("fp32", SMALL),
        **METHOD,
        **LAYOUT,
        "stack": ASSUMPTIONS["stack"],
        "catalogs": FILES["catalogs"],
        "tokens_per_s": Change("800"),
        "peak": Change("10GiB"),
        "figure": Change("allocated"),
    }.items()
} | {
    "listed": Change(None, "", f"{USUAL} {LOGGED}"),
    "removed": Change("rtx-4090/compiled", "", "--list"),
}

TABLES = {
    "compare": COMPARE,
    "memory": MEMORY,
    "fit": FIT,
    "plan": PLAN,
    "models": MODELS,
    "gpus": GPUS,
    "validate": VALIDATE,
    "calibrate": CALIBRATE,
}
NO_NUMBERS = {
    "fmt": "the form of the answer",
    "check": "the exit code",
    "html": "a page beside the answer",
    "explain": "the steps behind the same numbers",
}
# Another A100 and another GPT-2 and Llama, under the keys of the shipped ones.
CATALOG = """\
gpus:
  a100-sxm-80gb:
    aliases: [a100]
    memory_gib: 50
    memory_bandwidth_gb_per_s: 1000
    peak_tflops: {bf16: 200}
models:
  gpt2:
    {architecture: gpt2, layers: 6, width: 768, attention: {heads: 12}, vocabulary: 50257,
     context: 4096}
  llama-2-7b:
    {architecture: llama, layers: 6, width: 768, attention: {heads: 12}, vocabulary: 50257,
     context: 4096, ffn: {width: 2048}}
"""
SCENARIO = "question: Ten times the tokens?\nreserve: 3GiB\ntime: 20d\n"
RUNS = """\
sources:
  mine:
    title: A run of mine
    url: https://example.org/run
    options: {model: gpt2, gpu: a100-sxm-80gb, seq_len: 1024, stack: compiled}
    stack_reason: torch.compile
    rows:
      - {id: mine-1, micro_batch: 8, tokens_per_s: 100000, quote: 100k tokens a second}
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Files that options name, by the word that stands for each."""
    more = RUNS.replace("micro_batch: 8", "micro_batch: 16")
    texts = {"CATALOG": CATALOG, "SCENARIO": SCENARIO, "RUNS": RUNS, "MORE": more}
    for word, text in texts.items():
        (tmp_path / f"{word}.yaml").write_text(text)
    return {word: str(tmp_path / f"{word}.yaml") for word in texts}


def spelled(option: str, change: Change) -> list[str]:
    """The words of one changed option."""
    flags = {"catalogs": "catalog", "scenario": "config", "listed": "list", "removed": "remove"}
    if option == "name":
        return [change.value or ""]
    if option == "double_quant":
        return ["--no-double-quant"]
    flag = f"--{flags.get(option, option).replace('_', '-')}"
    return [flag] if change.value is None else [flag, change.value]


def numbers(answer: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON answer, the echoed request and the seconds of a search aside."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            if key not in {"request", "seconds"}:
                yield from numbers(value, f"{path}.{key}")
    elif isinstance(answer, list):
        for index, value in enumerate(answer):
            yield from numbers(value, f"{path}.{index}")
    elif isinstance(answer, int | float):
        yield path, answer


@pytest.mark.parametrize("command", TABLES)
def test_every_option_has_a_row(command: str) -> None:
    taken = import_module(f"gptbudget.cli.{command}").command.__signature__.parameters
    assert set(TABLES[command]) == set(taken) - set(NO_NUMBERS)


@pytest.mark.parametrize(
    ("command", "option"), [(name, option) for name in TABLES for option in TABLES[name]]
)
def test_each_option_changes_a_number(
    cli: Cli, files: dict[str, str], command: str, option: str
) -> None:
    change = TABLES[command][option]
    logged = "calibrate --gpu 4090 --model gpt2 --tokens-per-s 30000"
    if option in {"no_profile", "removed", "listed"}:
        assert cli(*logged.split()).code == 0
    usual = USUAL if command in {"compare", "memory"} and not change.before else ""
    words = (change.scenario or usual).split()
    lines = [*words, *change.before.split()], [*words, *spelled(option, change)]
    answers = [cli(command, *(files.get(w, w) for w in line), "-o", "json") for line in lines]
    assert [answer.err for answer in answers] == ["", ""]
    before, after = (dict(numbers(answer.json)) for answer in answers)
    assert before != after
