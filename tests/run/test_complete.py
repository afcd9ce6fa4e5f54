"""The default rules: what is filled in, and where each value says it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gptbudget import estimate
from gptbudget.answer.notes import notes
from gptbudget.errors import UsageError
from gptbudget.run.estimate import Estimate, compare
from gptbudget.run.question import ask
from gptbudget.run.run import ModelRun


def only(**options: Any) -> Estimate:
    """The estimate of one pair: GPT-2 small on an RTX 4070 Ti unless something else is asked."""
    return estimate(**{"gpu": "4070ti", "model": "gpt2", **options})


def model_run(**options: Any) -> ModelRun:
    run = only(**options).run
    assert isinstance(run, ModelRun)
    return run


# --- origins ---


def test_defaults_say_so() -> None:
    run = only().run

    assert run.origins["gpu"] == run.origins["model"] == "given"
    defaults = {name for name, origin in run.origins.items() if origin == "default"}
    assert defaults >= {"gpus", "tokens", "precision", "time", "stack", "micro_batch", "optimizer"}
    catalog = {name for name, origin in run.origins.items() if origin == "catalog"}
    assert catalog == {"seq_len", "gpu_memory", "power"}


@pytest.mark.parametrize(
    ("options", "name", "origin"),
    [
        ({"model": "llama-3-8b", "gpu": "h100"}, "tokens", "catalog"),
        ({"model": "llama-3-8b", "gpu": "h100"}, "price", "catalog"),
        ({"model": "llama-2-7b", "gpu": "h100"}, "global_batch_tokens", "catalog"),
        ({"tokens": "20x"}, "tokens", "given"),
        ({"data": "40GB"}, "tokens", "given"),
        ({"epochs": 4}, "tokens", "default"),
        ({"gpu_memory": "10GiB"}, "gpu_memory", "given"),
    ],
)
def test_origin_of_one_value(options: dict[str, Any], name: str, origin: str) -> None:
    assert only(**options).run.origins[name] == origin


def test_flags_win_over_the_scenario(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text("question: why?\ngpu: 4070ti\nmodel: gpt2\ntokens: 10B\nmicro_batch: 4\n")
    question = ask({"tokens": "1B"}, file)
    run = compare(question).estimates[0].run

    assert isinstance(run, ModelRun)
    assert (run.tokens, run.origins["tokens"]) == (1e9, "given")
    assert (run.micro_batch, run.origins["micro_batch"]) == (4, "scenario")
    assert run.origins["model"] == "scenario"
    assert run.origins["seq_len"] == "catalog"


# --- tokens and batch ---


def test_published_tokens_else_the_optimum() -> None:
    assert only(model="llama-2-7b").run.tokens == 2e12
    assert only().run.tokens == pytest.approx(3.130e9, rel=1e-3)  # Besiroglu et al. 2024


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"tokens": "20x"}, 20 * 124_439_808),
        ({"tokens": "10B", "epochs": 4}, 40e9),
        ({"data": "96GB"}, 22.9e9),  # WebText2: Kaplan et al. 2020, section 2.3
    ],
)
def test_tokens_as_asked(options: dict[str, Any], tokens: float) -> None:
    assert only(**options).run.tokens == pytest.approx(tokens, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({}, 524_288),
        ({"micro_batch": 3}, 524_288 // 3072 * 3072 + 3072),  # the nearest whole micro-batch
        ({"gpus": 1024}, 1024 * 1024),  # raised to one micro-batch on each GPU
        ({"global_batch_tokens": 2048}, 2048),
    ],
)
def test_global_batch_is_whole_micro_batches(options: dict[str, Any], tokens: int) -> None:
    run = model_run(**options)

    assert run.global_batch_tokens == tokens
    assert tokens % (run.micro_batch * run.seq_len * run.gpus) == 0


# --- precision and attention ---


@pytest.mark.parametrize(
    ("gpu", "precision", "attention"),
    [
        ("rtx-4070-ti", "bf16", "flash"),
        ("rtx-3090", "bf16", "flash"),
        ("a100", "bf16", "flash"),
        ("h100", "bf16", "flash"),
        ("v100-sxm-32gb", "fp16", "efficient"),
        ("t4", "fp16", "efficient"),
        ("rtx-2080-ti", "fp16", "efficient"),
        ("gtx-1080", "fp32", "efficient"),
        ("p100-sxm", "fp32", "efficient"),
    ],
)
def test_best_precision_and_attention(gpu: str, precision: str, attention: str) -> None:
    recipe = model_run(gpu=gpu).recipe

    assert (recipe.precision, recipe.attention) == (precision, attention)


@pytest.mark.parametrize("gpu", ["v100-sxm-32gb", "t4", "rtx-2060", "titan-rtx", "gtx-1080-ti"])
def test_no_bf16_before_ampere(gpu: str) -> None:
    with pytest.raises(UsageError, match="no bf16 peak"):
        only(gpu=gpu, precision="bf16")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "fp32", "attention": "flash"}, "flash attention does not run in fp32"),
        ({"gpu": "t4", "attention": "flash"}, "flash attention does not run in fp16 on NVIDIA T"),
        ({"precision": "fp32", "recipe": "pure"}, "16-bit recipe"),
        ({"optimizer": "lion", "optimizer_impl": "foreach"}, "does not exist for lion"),
        ({"tokens": "1B", "data": "1GB"}, "both say how much"),
        ({"seq_len": 2048}, "1024 positions"),
        ({"global_batch_tokens": 512}, "less than one micro-batch"),
        ({"reserve": "12GiB"}, "leaves nothing"),
        ({"model": "1.5B"}, "no shape"),
        ({"model": "1.5B", "utilization": 0.4, "seq_len": 1024}, "no effect without a model"),
        ({"model": "1.5B", "utilization": 0.4, "convention": "exact"}, "needs a model"),
        ({"model": None, "flops": 1e21, "utilization": 0.4, "epochs": 2}, "stands in for them"),
        ({"grid": "atlantis"}, "not a grid"),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        only(**options)


# --- stack, goodput, utilization ---


@pytest.mark.parametrize(
    ("gpus", "goodput", "stack"),
    [(1, 1.0, "compiled"), (8, 1.0, "compiled"), (9, 0.9, "eager"), (1024, 0.9, "eager")],
)
def test_goodput_and_stack_by_size(gpus: int, goodput: float, stack: str) -> None:
    run = model_run(gpu="a100", gpus=gpus)

    assert (run.goodput, run.stack) == (goodput, stack)


def test_a_given_utilization_is_that_of_the_whole_run() -> None:
    assert only(gpu="a100", gpus=1024, utilization=0.4).run.goodput == 1.0
    assert only(gpu="a100", gpus=1024, utilization=0.4, goodput=0.5).run.goodput == 0.5


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "GeForce and workstation cards"),
        ({"stack": "native"}, "native kernels"),
        ({"stack": "hf"}, "Hugging Face Trainer"),
        ({"method": "lora"}, "adapters beside frozen weights"),
        ({"gpu": "t4"}, "Volta, Pascal and older"),
        ({"gpu": "mi300x"}, "hardware and layouts of which no published run was compared"),
        ({"gpu": "tpu-v4"}, "TPUs"),
        ({"gpu": "h100", "gpus": 8}, "PyTorch and Megatron on data-centre GPUs"),
        ({"gpu": "h100", "precision": "fp8"}, "fp8 and fp4"),
        ({"gpu": "h100", "model": "mixtral-8x7b"}, "mixtures of experts"),
        (
            {"gpu": "h100", "gpus": 1024, "tp": 4},
            "tensor and pipeline parallelism over more than 512 GPUs",
        ),
    ],
)
def test_range_of_the_class(options: dict[str, Any], name: str) -> None:
    found = only(**options)

    assert isinstance(found.run, ModelRun)
    assert found.run.prediction is not None
    assert found.run.prediction.time_range.name == name
    assert found.time is not None
    assert found.time.low_s is not None
    assert found.time.high_s is not None
    assert found.time.low_s < found.time.wall_clock_s < found.time.high_s
    assert found.time.parts is not None
    assert found.time.step_s == pytest.approx(found.time.parts.total)


def test_hardware_of_before_such_programs_is_not_predicted() -> None:
    found = only(gpu="bluegene-l-2005")

    assert found.time is None
    assert found.compute.ratio is None
    assert any("give --utilization" in note for note in notes(found))


def test_what_is_missing_of_a_card_is_named(tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("gpus: {mine: {name: Mine, memory_gib: 80, peak_tflops: {bf16: 100}}}")
    question = ask({"gpu": "mine", "gpus": 16, "model": "gpt2"})
    (found,) = compare(question, [card]).estimates
    said = " ".join(notes(found))

    assert found.time is not None
    assert "the memory bandwidth of mine is not known" in said
    assert (
        "the slot of mine is not known: traffic to the host, and between cards without a link, is"
        in said
    )
    assert "crosses nodes over 10 GB/s of network a GPU (default: --network)" in said
    assert (
        "as for hardware and layouts of which no published run was compared (none; a guess" in said
    )
    assert found.time.high_s == pytest.approx(2 * found.time.wall_clock_s)


# --- notes ---


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "time is predicted for the compiled stack (default), part by part"),
        ({}, "times the prediction, as for GeForce and workstation cards ("),
        ({}, "and no published run on rtx-4070-ti)"),
        ({}, "no measured matmul rate is published for rtx-4070-ti: 82.59 TFLOP/s"),
        ({"gpu": "a100", "gpus": 16}, "over 25 GB/s of network a GPU (default: --network)"),
        ({"offload": "optimizer"}, "0.71 ns per parameter"),
        ({}, "3.130B tokens are the compute-optimal number"),
        ({}, "upper bound, not measured"),
        ({}, "without gradient accumulation"),
        ({}, "no cloud price of rtx-4070-ti is known"),
        ({}, "the 285 W of the catalog"),
        ({"gpu": "a100"}, "price $"),
        ({"gpu": "a100", "gpus": 16, "model": "llama-2-7b"}, "goodput 90 %"),
        ({"gpu": "a100", "gpus": 16}, "every GPU needs the same"),
        (
            {"gpu": "a100", "gpus": 16, "tp": 2},
            "not measured: --recipe master, ZeRO stage 1, tensor",
        ),
        (
            {"gpu": "a100", "gpus": 16, "pp": 4},
            "the last of 4 pipeline stages needs most: head, logits and loss, and 3 blocks",
        ),
        ({"utilization": "40%"}, "utilization 40 % of the bf16 peak as given, in 6ND FLOPs"),
        ({"utilization": "40%", "convention": "exact"}, "in exact FLOPs"),
        ({"data": "40GB"}, "bytes of English text a token"),
        (
            {"model": "1.5B", "utilization": 0.4},
            "memory is not estimated: a bare size has no shape",
        ),
        ({"model": "gopher-1.4b"}, "not measured"),
        ({"precision": "fp8"}, "fp8 training memory is not modelled yet"),
    ],
)
def test_notes_name_every_default_that_matters(options: dict[str, Any], said: str) -> None:
    found = notes(only(**options))

    assert any(said in note for note in found), found


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"tokens": "1B"}, "compute-optimal"),
        ({"stack": "eager"}, "upper bound, not measured"),
        ({"global_batch_tokens": 524_288}, "without gradient accumulation"),
        ({"price": 1}, "no cloud price"),
        ({"power": 200}, "TDP"),
        ({"utilization": "40%"}, "MFU"),
    ],
)
def test_notes_do_not_speak_of_what_was_given(options: dict[str, Any], gone: str) -> None:
    assert not any(gone in note for note in notes(only(**options)))
