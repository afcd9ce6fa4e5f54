"""Each option changes the answer: an option that is taken and ignored is a lie."""

from __future__ import annotations

from typing import Any

import pytest

from gptbudget.answer.data import answer
from gptbudget.answer.document import flatten
from gptbudget.run.calibration import calibrate
from gptbudget.run.estimate import compare
from gptbudget.run.question import ask
from gptbudget.specs.options import OPTIONS

BASE = {"gpu": "4070ti", "model": "gpt2", "stack": "eager"}

# option, value, what must change, and further options that both answers share
CHANGES: list[tuple[str, Any, str, dict[str, Any]]] = [
    ("gpu", "rtx-4090", "gpu.name", {}),
    ("gpus", 2, "memory.peak_bytes", {}),
    ("gpus", 8, "time.wall_clock_s", {"gpu": "a100"}),
    ("network", 1, "time.step_s", {"gpu": "a100", "gpus": 16, "dp": 16, "zero": 0}),
    ("gpus_per_node", 4, "memory.host_bytes", {"gpus": 8, "offload": "optimizer"}),
    ("gpus_per_node", 4, "time.step_s", {"gpu": "l40s", "gpus": 8, "zero": 0}),
    ("dp_shard", 8, "time.step_s", {"gpu": "h100", "gpus": 64, "zero": 3}),
    ("optimizer", "muon", "time.step_s", {}),
    ("loss", "fused", "time.step_s", {}),
    ("lora_precision", "bf16", "time.step_s", {"method": "lora"}),
    ("gpu_memory", "2GiB", "memory.fits", {}),
    ("reserve", "1GiB", "memory.usable_bytes", {}),
    ("model", "gpt2-medium", "model.parameters", {}),
    ("tokens", "1B", "compute.required_flops", {}),
    ("data", "1GB", "compute.required_flops", {}),
    ("flops", 1e18, "compute.required_flops", {"model": None, "stack": None, "utilization": 0.4}),
    ("time", "30d", "compute.ratio", {}),
    ("epochs", 4, "tokens", {}),
    ("seq_len", 512, "compute.required_flops_exact", {}),
    ("micro_batch", 4, "memory.peak_bytes", {}),
    ("global_batch_tokens", 65_536, "time.step_s", {}),
    ("global_batch_tokens", 524_288, "memory.peak_bytes", {}),
    ("precision", "fp32", "compute.peak_flops_per_s", {"utilization": 0.4}),
    ("host_memory", "1GiB", "memory.fits", {"offload": "optimizer"}),
    ("reserve_host", "7.9GiB", "memory.fits", {"offload": "optimizer", "host_memory": "8GiB"}),
    ("recipe", "pure", "memory.peak_bytes", {}),
    ("recipe", "master", "memory.peak_bytes", {}),
    ("optimizer", "sgd", "memory.peak_bytes", {}),
    ("optimizer_impl", "foreach", "memory.phases.optimizer_step", {}),
    ("attention", "eager", "memory.peak_bytes", {}),
    ("checkpointing", "full", "memory.peak_bytes", {}),
    ("checkpointing", "full", "time.wall_clock_s", {}),
    ("checkpointing", "selective", "memory.peak_bytes", {"attention": "eager"}),
    ("loss", "fused", "memory.peak_bytes", {}),
    ("loss", "chunked", "memory.peak_bytes", {"stack": "hf"}),
    ("offload", "optimizer", "memory.peak_bytes", {}),
    ("offload", "all", "memory.host_bytes", {}),
    ("method", "lora", "memory.peak_bytes", {}),
    ("method", "lora", "compute.required_flops_exact", {}),
    ("method", "qlora", "memory.peak_bytes", {"method": "lora"}),
    ("method", "frozen:6", "time.wall_clock_s", {}),
    ("lora_rank", 64, "memory.peak_bytes", {"method": "lora"}),
    ("lora_targets", "qv", "memory.peak_bytes", {"method": "lora"}),
    ("lora_precision", "bf16", "memory.peak_bytes", {"method": "lora"}),
    ("lora_dropout", 0.1, "memory.peak_bytes", {"method": "lora"}),
    ("double_quant", False, "memory.peak_bytes", {"method": "qlora"}),
    ("dropout", 0.1, "memory.peak_bytes", {}),
    ("keep_logits", True, "memory.peak_bytes", {}),
    ("dp", 2, "memory.peak_bytes", {}),
    ("tp", 2, "memory.peak_bytes", {}),
    ("pp", 2, "memory.peak_bytes", {}),
    ("vp", 3, "memory.rank.micro_batches_in_flight", {"pp": 2}),
    ("cp", 2, "memory.peak_bytes", {}),
    ("ep", 4, "memory.peak_bytes", {"model": "mixtral-8x7b", "gpus": 8}),
    ("zero", 1, "memory.peak_bytes", {"gpus": 2}),
    ("sequence_parallel", True, "memory.peak_bytes", {"tp": 2}),
    ("dp_shard", 2, "memory.peak_bytes", {"gpus": 4}),
    ("utilization", 0.2, "time.wall_clock_s", {}),
    ("goodput", 0.5, "time.wall_clock_s", {}),
    ("stack", "hf", "memory.peak_bytes", {}),
    ("convention", "exact", "compute.required_flops", {}),
    ("price", 2, "cost.usd", {}),
    ("kwh_price", 0.3, "cost.electricity_usd", {}),
    ("power", 200, "cost.energy_kwh", {}),
    ("pue", 1.5, "cost.energy_kwh", {}),
    ("grid", "germany", "cost.co2_kg", {}),
    ("no_profile", True, "time.step_s", {"gpu": "rtx-3090"}),
]


@pytest.fixture(autouse=True)
def _a_logged_step(_plain_environment: None) -> None:
    """A profile, so that there is one to leave out."""
    calibrate(ask({"gpu": "rtx-3090", "model": "gpt2", "stack": "eager"}), 30_000)


def answered(options: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    return flatten(answer(compare(ask(given)).estimates[0]))


def base_of(option: str, shared: dict[str, Any]) -> dict[str, Any]:
    base = {**BASE, **shared}
    if option == "flops":
        base["flops"] = 2e18
    return base


@pytest.mark.parametrize(
    ("option", "value", "key", "shared"), CHANGES, ids=[f"{c[0]}-{c[1]}" for c in CHANGES]
)
def test_option_changes_the_answer(
    option: str, value: Any, key: str, shared: dict[str, Any]
) -> None:
    base = base_of(option, shared)
    before, after = answered(base), answered({**base, option: value})

    assert before.get(key) != after.get(key)


def test_every_option_is_tried() -> None:
    assert {change[0] for change in CHANGES} == set(OPTIONS)


PLACES = {
    "step": ("memory.", "time.", "compute.required_flops_exact"),
    "memory": ("memory.",),
    "host": ("memory.",),
    "time": ("time.",),
    "compute": ("compute.", "time.", "cost.", "model.", "tokens"),
    "cost": ("cost.", "gpu."),
}
"""Keys of the answer that an effect is seen in."""


@pytest.mark.parametrize("name", OPTIONS)
def test_its_effects_are_those_of_the_table(name: str) -> None:
    allowed = tuple(place for effect in OPTIONS[name].affects for place in PLACES[effect])
    assert OPTIONS[name].affects
    for option, _, key, _ in CHANGES:
        assert option != name or key.startswith(allowed), key
