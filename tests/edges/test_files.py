"""Whatever stands in a file that a user names, the answer is an answer or one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptbudget.specs.options import OPTIONS
from tests.edges.damage import NUMBERS, VALUES, damaged, damaged_text, written
from tests.edges.outcome import FILE, assert_an_answer_or_a_sentence, cases

LATENT = {"query_rank": 8, "kv_rank": 4, "nope_width": 4, "rope_width": 2, "value_width": 4}
CATALOG: dict[str, Any] = {
    "gpus": {
        "my-card": {
            "name": "My Card",
            "aliases": ["mine"],
            "vendor": "me",
            "segment": "consumer",
            "released": "2023-01",
            "memory_gib": 12,
            "memory_reported_gib": 11.7,
            "memory_bandwidth_gb_per_s": 504,
            "peak_tflops": {"fp32": 40, "tf32": 80, "fp16": 160, "bf16": 160, "fp8": 320},
            "peak_tflops_fp16_accumulate": {"fp16": 320},
            "measured_matmul_tflops": {"bf16": 150, "source": "page 1"},
            "tensor_family": "ada-geforce",
            "tdp_w": 285,
            "link": {"name": "NVLink", "gb_per_s_per_direction": 25, "domain_gpus": 4},
            "pcie": {"generation": 4, "lanes": 16},
            "price": {"usd": 799, "date": "2023-01", "kind": "msrp", "source": "page 2"},
            "cloud_price_per_hour": {
                **{"usd": 0.5, "date": "2024-01-05", "kind": "on-demand", "source": "page 3"}
            },
            "cloud_prices": [
                {"provider": "p", "usd": 1, "date": "2024", "kind": "spot", "source": "page 4"}
            ],
            "sources": ["https://example.org/card"],
        }
    },
    "models": {
        "my-model": {
            "name": "My Model",
            "aliases": ["mein"],
            "architecture": "llama",
            "layers": 4,
            "width": 64,
            "vocabulary": 512,
            "context": 128,
            "attention": {"heads": 8, "kv_heads": 2, "head_width": 8, "window": 64},
            "ffn": {"width": 256, "gated": True, "bias": False},
            "experts": {"count": 8, "active": 2, "width": 32, "layers": 2, "shared_width": 16},
            "norms": {"kind": "rmsnorm", "per_block": 2},
            "positions": {"kind": "learned", "extra_rows": 2},
            "head": {"tied": True, "bias": True},
            "embedding_width": 32,
            "training_tokens": 1e9,
            "global_batch_tokens": 4096,
        },
        "my-latent": {
            "architecture": "llama",
            "layers": 2,
            "width": 32,
            "vocabulary": 64,
            "context": 64,
            "attention": {"heads": 2, "latent": LATENT, "qk_norm": "head"},
        },
    },
}
ASKED = [
    ("catalog", "check", "file.yaml"),
    ("gpus", "my-card", "--catalog", "file.yaml"),
    ("models", "my-model", "--catalog", "file.yaml"),
    ("models", "--catalog", "file.yaml", "-o", "json"),
    ("memory", "--gpu", "my-card", "--model", "my-model", "--catalog", "file.yaml"),
    ("compare", "--gpu", "my-card", "--model", "my-latent", "--catalog", "file.yaml"),
    *(("compare", "--gpu", "my-card", "--model", "my-model", "--catalog", "file.yaml", "-o", fmt)
      for fmt in ("table", "json", "csv", "markdown")),
    ("compare", "--gpu", "my-card", "--model", "my-model", "--catalog", "file.yaml", "--gpus", "8"),
    ("plan", "--gpu", "my-card", "--time", "1y", "--catalog", "file.yaml", "-o", "json"),
]  # fmt: skip
SCENARIO: dict[str, Any] = {
    "question": "does it fit?",
    **{"gpu": "4070ti", "gpus": 2, "model": "gpt2", "tokens": "10B", "time": "30d", "seq_len": 512},
    **{"micro_batch": 2, "precision": "bf16", "optimizer": "adamw", "checkpointing": "full"},
    **{"method": "lora", "lora_rank": 8, "dp": 2, "zero": 3, "goodput": "90%", "grid": "germany"},
    **{"reserve": "1GiB", "price": 0.5, "stack": "compiled", "sequence_parallel": False},
    "require": {"fits": True, "max_wall_clock": "3d", "max_cost_usd": 100, "min_ratio": 1},
    "expect": [{"key": "memory.fits", "value": True, "tolerance": "1%", "source": "page 1"}],
}
CONFIG: dict[str, Any] = {
    **{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128},
    **{"max_position_embeddings": 64, "rms_norm_eps": 1e-6, "tie_word_embeddings": False},
}
RUNS: dict[str, Any] = {
    "sources": {
        "mine": {
            "title": "My runs",
            "figure": "allocated",
            "options": {"precision": "bf16", "stack": "compiled", "attention": "flash"},
            "rows": [
                {"id": "one", "model": "gpt2", "gpu": "rtx-4090", "tokens_per_s": 98000,
                 "micro_batch": 16, "seq_len": 1024, "checkpointing": "none", "peak_gib": 9.5},
                {"id": "two", "model": "llama-2-7b", "gpu": "a100-sxm-80gb", "gpus": 8, "mfu": 0.5,
                 "peak_tflops": 312, "convention": "exact", "zero": 3, "micro_batch": 1,
                 "seq_len": 4096, "checkpointing": "full", "speed": {"precision": "bf16"}},
                {"id": "three", "model": "gpt2", "gpu": "rtx-4090", "ran": False},
            ],
        }
    },
    "left_out": [{"reason": "no speed", "ids": ["four"]}],
}  # fmt: skip
PROFILE: dict[str, Any] = {
    **{"gpu": "rtx-4090", "stack": "compiled", "made": "2024-01-05", "tokens_per_s": 90000.0},
    **{"predicted_tokens_per_s": 100000.0, "peak_bytes": 9e9, "predicted_peak_bytes": 8e9},
    **{"figure": "card", "run": {"model": "gpt2", "micro_batch": 16, "gpus": 1}},
}


@cases(150)
@given(data=st.data())
def test_catalogs(small_catalog: Path, data: st.DataObject) -> None:
    (small_catalog / "file.yaml").write_bytes(written(data.draw, CATALOG))

    assert_an_answer_or_a_sentence(*data.draw(st.sampled_from(ASKED)))


@cases(100)
@given(data=st.data())
def test_catalogs_of_any_size(small_catalog: Path, data: st.DataObject) -> None:
    """Every number of a valid entry is changed to another valid one, however odd."""
    entries = json.loads(json.dumps(CATALOG))
    for _ in range(data.draw(st.integers(1, 4))):
        holder = entries
        while True:
            key = data.draw(st.sampled_from(sorted(holder)))
            if not isinstance(holder[key], dict):
                break
            holder = holder[key]
        if isinstance(holder[key], bool):
            holder[key] = not holder[key]
        elif isinstance(holder[key], int | float):
            holder[key] = data.draw(NUMBERS)
    (small_catalog / "file.yaml").write_text(json.dumps(entries))

    assert_an_answer_or_a_sentence(*data.draw(st.sampled_from(ASKED)))


@cases(80)
@given(data=st.data())
def test_scenarios(small_catalog: Path, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(SCENARIO)), unique=True))
    kept = {"question": "q", "gpu": "4070ti", "model": "gpt2"} | {n: SCENARIO[n] for n in names}
    other = data.draw(st.sampled_from(sorted(OPTIONS)))
    content = {**kept, other: data.draw(VALUES)} if data.draw(st.booleans()) else kept
    (small_catalog / "scenario.yaml").write_bytes(written(data.draw, content))

    command = data.draw(st.sampled_from(["compare", "compare", "memory", "plan"]))
    assert_an_answer_or_a_sentence(command, "--config", "scenario.yaml")


@cases(60)
@given(data=st.data())
def test_configs(small_catalog: Path, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        content = damaged_text(data.draw, json.dumps(CONFIG, indent=1))
    else:
        content = json.dumps(damaged(data.draw, CONFIG)).encode("utf-8", "surrogatepass")
    (small_catalog / "config.json").write_bytes(content)

    command = data.draw(
        st.sampled_from(
            [
                ("models", "./config.json"),
                ("compare", "--gpu", "4070ti", "--model", "./config.json"),
            ]
        )
    )
    assert_an_answer_or_a_sentence(*command)


@cases(60)
@given(data=st.data())
def test_runs(small_catalog: Path, data: st.DataObject) -> None:
    (small_catalog / "runs.yaml").write_bytes(written(data.draw, RUNS))

    one = data.draw(st.sampled_from([(), ("--run", "one"), ("--run", "two"), ("--run", "zzz")]))
    assert_an_answer_or_a_sentence("validate", "--runs", "runs.yaml", *one)


@cases(60)
@given(data=st.data())
def test_profiles(small_catalog: Path, data: st.DataObject) -> None:
    folder = small_catalog.parent / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / "rtx-4090.compiled.yaml").write_bytes(written(data.draw, PROFILE))

    run = ("--gpu", "4090", "--model", "gpt2")
    asked = [
        ("calibrate", "--list"),
        ("compare", *run),
        ("compare", *run, "-o", "json"),
        ("memory", *run),
    ]
    assert_an_answer_or_a_sentence(*data.draw(st.sampled_from(asked)))


@pytest.mark.parametrize(
    "command",
    [
        ("catalog", "check", "PATH"),
        ("gpus", "--catalog", "PATH"),
        ("compare", "--config", "PATH"),
        ("models", "./PATH"),
        ("validate", "--runs", "PATH"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "kind",
    [
        "folder",
        "missing",
        "empty",
        "blank",
        "comment",
        "bom",
        "binary",
        "deep",
        "huge",
        "loop",
        "below-a-file",
    ],
)
def test_what_is_no_file_at_all(small_catalog: Path, kind: str, command: tuple[str, ...]) -> None:
    path = small_catalog / "PATH"
    contents = {
        "empty": b"",
        "blank": b"\n \n",
        "comment": b"# nothing\n",
        "bom": b"\xef\xbb\xbf",
        "binary": bytes(range(256)),
        "deep": b"[" * 100_000,
        "huge": b"a: 1\n" * 1_000_000,
    }
    if kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "below-a-file":
        path.write_bytes(b"")
        command = tuple(word.replace("PATH", f"PATH{os.sep}x") for word in command)
    elif kind in contents:
        path.write_bytes(contents[kind])

    code = assert_an_answer_or_a_sentence(*command)
    assert code == FILE or (kind, command[0]) == ("folder", "catalog")
