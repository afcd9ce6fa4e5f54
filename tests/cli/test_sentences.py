"""Sentences are whole: none shows the seam of the parts that it was put together from.

Every question is asked as a whole command, answered and refused, with and without what a sentence
may leave out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gptbudget
from tests.conftest import Cli, Result

ONE_GPU = "compare --gpu 4070ti --model"
COUNTS = "plan --model"
RECIPE = "--recipe master --checkpointing full --loss fused --micro-batch 1"
BUDGET = f"plan --gpu 4070ti {RECIPE} --time"

QUESTIONS = (
    # One pair: money, tokens, memory and time, each known, given and unknown.
    f"{ONE_GPU} gpt2",
    f"{ONE_GPU} gpt2-xl --tokens 10B --time 30d --host-memory 64GiB --offload all",
    f"{ONE_GPU} llama-3-8b --global-batch-tokens 16384 --recipe pure",
    f"{ONE_GPU} llama-2-7b --method qlora --seq-len 2048",
    f"{ONE_GPU} gpt2 --optimizer paged-adamw8bit --gpu-memory 1GiB",
    f"{ONE_GPU} gpt2 --optimizer-impl in-backward --dropout 0.1 --grid germany --kwh-price 0.3",
    f"{ONE_GPU} gpt2 --precision fp16 --attention eager --reserve 1GiB",
    f"{ONE_GPU} 1.5B --utilization 40%",
    f"{ONE_GPU} gpt2 --tokens 20x --epochs 2 --price 0.5",
    "compare --gpu 4070ti --flops 1e18 --utilization 40%",
    "compare --gpu 5090 --model gpt2",
    "compare --gpu k80 --model gpt2 --gpus 2 --network 5 --gpus-per-node 1",
    "compare --gpu h100 --model llama-3-8b --gpus 16 --tp 2 --pp 8 --vp 2",
    "compare --gpu h100 --model gpt2 --gpus 12 --pp 12 --stack megatron",
    "compare --gpu h100 --model mixtral-8x7b --gpus 16 --ep 8 --zero 1 --precision fp8",
    "compare --gpu h100 --model deepseek-v3 --gpus 64 --dp-shard 8",
    "compare --gpu v100 --model gpt2 --stack native",
    "compare --gpu m2-ultra --model gpt2",
    "compare --gpu tpu-v4 --model gpt2 --utilization 40% --goodput 90%",
    "compare --gpu 4070ti --gpu k80 --model gpt2 --model llama-2-7b",
    "compare --gpu 4070ti --gpu k80 --model llama-3-8b --time 1d",
    # Memory, with and without an offload, on one rank and on several.
    "memory --gpu 4070ti --model gpt2-xl",
    "memory --gpu 4090 --model llama-2-7b --method lora --offload optimizer --host-memory 8GiB",
    "memory --gpu h100 --model llama-3-8b --gpus 8 --pp 4 --tp 2 --global-batch-tokens 1M",
    "memory --gpu 4070ti --model gpt2 --gpu-memory 1GiB --global-batch-tokens 4096",
    # Every way to train: an offload, a loss of quality, limits, several GPUs, none that fits.
    "fit --gpu 4070ti --model gpt2-xl",
    "fit --gpu 4090 --model gpt2 --top 1 --cost 1 --price 0.5 --time 1h",
    "fit --gpu 4070ti --model gpt2 --cost 5 --price 2",
    "fit --gpu 4070ti --model gpt3-175b --host-memory 16GiB",
    "fit --gpu 5090 --gpu 4090 --model llama-2-7b --minimize cost",
    f"fit --gpu 4070ti --gpus 1..2 --model gpt2 --minimize gpus --optimizer adamw {RECIPE}",
    "fit --gpu h100 --gpus 8 --model gpt2 --dp 8 --zero 1 --global-batch-tokens 8192",
    # A budget: what fits, what fits with an offload alone, and what does not.
    "plan --flops 1e17",
    "plan --flops 1e24 --unique-tokens 10B --inference-tokens 1T",
    "plan --gpu a100 --cost 1k",
    "plan --gpu m2-ultra --time 1y --utilization 30%",
    f"{BUDGET} 30d",
    f"{BUDGET} 1y",
    f"{BUDGET} 100y",
    f"{BUDGET} 10y --offload none",
    f"{BUDGET} 10y --offload all",
    f"{BUDGET} 1y --gpu-memory 760MiB",
    f"{BUDGET} 1y --gpu-memory 720MiB",
    f"{BUDGET} 1y --gpu-memory 720MiB --offload optimizer",
    # How many GPUs: within the limits, beyond one of them, too large, unknown.
    f"{COUNTS} gpt2 --gpu 4070ti --time 30d",
    f"{COUNTS} gpt2 --gpu a100 --gpu 4070ti --time 1d",
    f"{COUNTS} gpt2 --gpu a100 --model gpt2-xl --time 3d --cost 100",
    f"{COUNTS} llama-3-8b --gpu h100 --time 1h",
    f"{COUNTS} llama-3-8b --gpu h100 --time 1h --zero 0 --tp 1 --pp 1 --offload none",
    f"{COUNTS} gpt3-175b --gpu 4070ti --offload none --tp 1 --pp 1 --zero 0 --time 100y",
    f"{COUNTS} gpt2 --gpu a100 --cost 1",
    f"{COUNTS} gpt2 --gpu h100 --time 1s --cost 5",
    f"{COUNTS} 1.5B --gpu a100 --time 7d --utilization 40%",
    f"{COUNTS} 1.5B --gpu a100 --time 1s --utilization 40%",
    f"{COUNTS} 1.5B --gpu a100 --cost 5 --utilization 40%",
    f"{COUNTS} gpt2 --gpu a100 --time 1d --precision fp16 --attention math",
    # The catalogs and published runs.
    "gpus 5090",
    "models gpt2 --tokens-per-s 10k --gpu a100",
    "models deepseek-v3",
    "validate --run llmc-gpt2-1558m-8h100",
    # Refused.
    "compare --gpu 4070ti",
    "compare --gpu nosuch --model gpt2",
    f"{ONE_GPU} 1.5B",
    f"{ONE_GPU} gpt2 --gpus 2 --network 50",
    f"{ONE_GPU} gpt2 --tokens 1B --data 4GB",
    f"{ONE_GPU} gpt2 --gpus 6 --dp 4",
    f"{ONE_GPU} gpt2 --stack hf --tp 2",
    "fit --gpu 4070ti --model gpt2 --gpus 7 --tp 2",
    "fit --gpu 4070ti --model gpt2 --minimize cost",
    "plan --gpu 4070ti",
    f"{COUNTS} gpt2 --gpu 4070ti --cost 5",
    f"{COUNTS} gpt2 --gpu a100 --time 1d --tp 5",
)

OPEN = "(?:with|takes|needs|costs|and|or|at|than|the|of)"
"""Words that never end a clause."""

MANY = (
    "GPUs|cards|pairs|rows|runs|numbers|candidates|sequences|blocks|micro-batches|tokens|offers"
    "|layers|stages|parameters|epochs"
)

SEAMS = {
    "a space before a mark": r"\S +[,;:)](?= |$)|\S +\.(?= |$)|\( ",
    "two spaces": r"\S  ",
    "nothing in brackets": r"\(\s*\)|\[\s*\]|\{\s*\}",
    "two marks": r", ?,|[,;:] ?[,;:.](?= |$)|(?<!\.)\.\.(?= |$)|\( ?[,;]",
    "a word without its other": rf"\b{OPEN} ?[,.;:)](?= |$)|\b{OPEN}$",
    "a word twice": r"\b([a-z]+) \1\b",
    "a value of the program": r"\b(?:None|nan|inf|True|False)\b",
    "one of many": rf"(?<![\d.,%+-])\b1 (?:{MANY})\b",
    "one are": r"\b1 of \d+ \w+ are\b",
}


def sentences(answer: Result) -> Iterator[str]:
    """What was printed beside tables, notes without their dash, and the cells of tables."""
    for line in (*answer.out.splitlines(), *answer.err.splitlines()):
        if not line.startswith("|"):
            yield line.removeprefix("- ")
        elif not line.startswith(("| ---", "|  |")):
            yield from (
                cell.strip() for cell in line.strip("|").split(" | ") if " " in cell.strip()
            )


def seams(text: str) -> list[str]:
    return [name for name, pattern in SEAMS.items() if re.search(pattern, text)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_sentence_shows_no_seam(cli: Cli, question: str) -> None:
    answer = cli(*question.split(), "-o", "markdown")

    assert {text: found for text in sentences(answer) if (found := seams(text))} == {}
    assert answer.code in {0, 2, 3, 5}
    if answer.out:
        assert answer.out.splitlines()[0].endswith(".") or question.startswith(
            ("gpus", "models", "validate")
        )


@pytest.mark.parametrize(
    ("seam", "text"),
    [
        (
            "a space before a mark",
            "without losing quality: it takes , which takes 2.60 TiB on each of 1.",
        ),
        ("nothing in brackets", "Yes, at a loss of quality (): gpt2 takes an hour."),
        ("a word without its other", "gpt2 takes 1.10 h, with ."),
        ("two spaces", "no number of  holds gpt2."),
        ("a word twice", "a card of of 24 GiB"),
        ("a value of the program", "gpt2 takes None."),
        ("one of many", "24 blocks with 1 micro-batches in flight"),
        ("one are", "1 of 2 rows are within the limits."),
        ("a word without its other", "the nearest needs 2.60 TiB of"),
        ("two marks", "12.0 days, , $5"),
    ],
)
def test_a_seam_is_seen(seam: str, text: str) -> None:
    assert seam in seams(text)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("--batch-size", "--micro-batch"),
        ("--max-seq-length", "--seq-len"),
        ("--lora-r", "--lora-rank"),
    ],
)
def test_an_option_as_other_programs_call_it(cli: Cli, theirs: str, ours: str) -> None:
    answer = cli("compare", "--gpu", "4070ti", "--model", "gpt2", theirs, "4")
    said = f"gptbudget: error: no such option: {theirs}; it is {ours} here\n"
    assert (answer.code, answer.err) == (2, said)


def test_keys_of_a_scenario_that_are_none(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    said = {
        "batch_size: 3": "it is 'micro_batch' here",
        "cost: 3": "it is an option of plan and fit: give it there as --cost",
        "tflops: 3": "it is an option of models: give it there as --tflops",
        "sequ_len: 3": "did you mean 'seq_len'?",
    }
    for line, hint in said.items():
        file.write_text(f"question: q\ngpu: 4070ti\nmodel: gpt2\n{line}\n")
        answer = cli("compare", "--config", str(file))
        key = line.partition(":")[0]
        expected = f"gptbudget: error: {file}:4: {key}: unknown key; {hint}\n"
        assert (answer.code, answer.err) == (4, expected)


@pytest.mark.parametrize(
    "command", ["compare --budget 4", "memory --mfu 4", "models --batch-size 4"]
)
def test_no_option_is_named_that_the_command_has_not(cli: Cli, command: str) -> None:
    answer = cli(*command.split())
    assert answer.code == 2
    assert " here" not in answer.err


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("--reserve-host 4GiB", "--reserve-host has no effect without --host-memory; add it"),
        (
            "--host-memory 4GiB --reserve-host 4GiB",
            "--reserve-host leaves nothing of --host-memory; lower it",
        ),
    ],
)
@pytest.mark.parametrize("command", ["compare --offload optimizer", "fit"])
def test_a_host_that_is_all_reserved(cli: Cli, command: str, host: str, said: str) -> None:
    answer = cli(*f"{command} --gpu rtx-4090 --model gpt2-xl {host}".split())
    assert (answer.code, answer.err) == (2, f"gptbudget: error: {said}\n")


def test_a_number_that_no_float_holds(cli: Cli) -> None:
    with pytest.raises(gptbudget.GptBudgetError, match="too large"):
        gptbudget.estimate(gpu="rtx-4090", model="gpt2", gpus=10**400)
    answer = cli("compare", "--gpu", "4090", "--model", "gpt2", "--explain", "x" * 1000)
    assert answer.code == 2
    assert len(answer.err) < 250
