"""A config that cannot be a model is one line that names the file and the key, exit code 4."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from gptbudget.catalog.huggingface.families import FAMILIES
from tests.catalog.huggingface.test_import import PUBLIC, VARIANTS
from tests.conftest import Cli, Result

FILE = 4
HUGE = 10**30
PUBLISHED = {case["name"]: case["config"] for case in PUBLIC}
SMALL = {case["name"]: case["config"] for case in VARIANTS}


def run(cli: Cli, folder: Path, content: Any, command: str = "models") -> Result:
    file = folder / "config.json"
    if not isinstance(content, str | bytes):
        content = json.dumps(content, indent=2)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    if command == "compare":
        return cli("compare", "--gpu", "4070ti", "--model", str(file))
    return cli("models", str(file), "-o", "json")


def assert_one_line(result: Result, file: Path, *parts: str) -> None:
    assert (result.code, result.out) == (FILE, ""), result.err or result.out
    assert re.fullmatch(r"gptbudget: error: [^\n]+; [^\n]+\n", result.err), result.err
    assert len(result.err) < 1000
    for leaked in ("Traceback", "this is a bug", "nput should", "alue error", "set_int_max"):
        assert leaked not in result.err
    for part in (str(file), *parts):
        assert part in result.err, result.err


# --- one key wrong --------------------------------------------------------------------------------

SIZES = {
    "llama-2-70b": (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "vocab_size",
        "max_position_embeddings",
    ),
    "gpt2": ("n_embd", "n_layer", "n_head", "n_positions", "vocab_size"),
    "gpt-neo-125m": ("hidden_size", "num_layers", "num_heads", "vocab_size", "window_size"),
    "opt-350m": ("ffn_dim", "hidden_size", "word_embed_proj_dim"),
    "mpt-7b": ("d_model", "n_heads", "n_layers", "max_seq_len"),
    "falcon-40b": ("hidden_size", "num_attention_heads", "num_kv_heads"),
    "mixtral-8x7b": ("num_local_experts", "num_experts_per_tok"),
    "qwen1.5-moe-a2.7b": ("moe_intermediate_size", "shared_expert_intermediate_size"),
    "gemma-2-2b": ("head_dim", "sliding_window"),
    "deepseek-v3": ("kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "v_head_dim"),
    "gpt-oss-20b": ("num_local_experts", "intermediate_size", "head_dim"),
}
NO_SIZES = {
    "negative": -1,
    "zero": 0,
    "10^30": HUGE,
    "10^18": 10**18,
    "fraction": 2.5,
    "text": "12",
    "list": [12],
    "object": {"a": 1},
    "true": True,
}


@pytest.mark.parametrize("value", NO_SIZES.values(), ids=NO_SIZES)
@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, keys in SIZES.items() for key in keys]
)
def test_no_size(cli: Cli, tmp_path: Path, name: str, key: str, value: Any) -> None:
    result = run(cli, tmp_path, {**PUBLISHED[name], key: value})

    assert_one_line(result, tmp_path / "config.json", f": {key}: ")


ESSENTIAL = {
    "llama-2-70b": (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "vocab_size",
    ),
    "gpt2": ("n_embd", "n_layer", "n_head", "vocab_size"),
    "gpt-neo-125m": ("hidden_size", "num_layers", "num_heads", "vocab_size"),
    "bloom-560m": ("n_layer", "n_head", "vocab_size"),
    "mpt-7b": ("d_model", "n_heads", "n_layers", "vocab_size"),
    "opt-125m": ("hidden_size", "ffn_dim", "num_hidden_layers"),
    "pythia-160m": ("hidden_size", "intermediate_size"),
    "falcon-7b": ("hidden_size", "num_attention_heads", "num_hidden_layers"),
    "deepseek-v2-lite": ("hidden_size", "intermediate_size", "num_experts_per_tok"),
}


@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, keys in ESSENTIAL.items() for key in keys]
)
def test_essential_keys(cli: Cli, tmp_path: Path, name: str, key: str, null: bool) -> None:  # noqa: FBT001
    config = dict(PUBLISHED[name])
    if null:
        config[key] = None
    else:
        del config[key]

    result = run(cli, tmp_path, config)

    assert_one_line(result, tmp_path / "config.json", f": {key}: is missing")


# A published config, what is changed in it, the key that is named, and what is said about it.
CONTRADICTIONS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "heads": ("llama-7b", {"num_attention_heads": 33}, "num_attention_heads", "4096"),
    "heads-gpt2": ("gpt2", {"n_head": 5}, "n_head", "n_embd 768"),
    "heads-mpt": ("mpt-7b", {"n_heads": 33}, "n_heads", "d_model 4096"),
    "kv-more": ("llama-2-70b", {"num_key_value_heads": 128}, "num_key_value_heads", "more than"),
    "kv-uneven": ("llama-2-70b", {"num_key_value_heads": 5}, "num_key_value_heads", "divide"),
    "kv-falcon": ("falcon-40b", {"num_kv_heads": 256}, "num_kv_heads", "more than"),
    "top-k": ("mixtral-8x7b", {"num_experts_per_tok": 9}, "num_experts_per_tok", "8 experts"),
    "top-k-qwen": ("qwen3-30b-a3b", {"num_experts_per_tok": 129}, "num_experts_per_tok", "128"),
    "top-k-deepseek": ("deepseek-v3", {"num_experts_per_tok": 257}, "num_experts_per_tok", "256"),
    "dense": ("deepseek-v3", {"first_k_dense_replace": 62}, "first_k_dense_replace", "61"),
    "every-0th": ("qwen3-30b-a3b", {"decoder_sparse_step": 0}, "decoder_sparse_step", "0"),
    "dense-list": ("qwen3-30b-a3b", {"mlp_only_layers": "0"}, "mlp_only_layers", "a list"),
    "few-kinds": ("gemma-2-2b", {"layer_types": ["full_attention"]}, "layer_types", "lists 1"),
    "odd-kind": ("gemma-2-2b", {"layer_types": ["round"] * 26}, "layer_types", "round"),
    "kinds": ("gemma-2-2b", {"layer_types": [1, 2]}, "layer_types", "a list of words"),
    "two-names": ("gpt2", {"num_hidden_layers": 13}, "num_hidden_layers", "n_layer 12"),
    "two-widths": ("bloom-560m", {"n_embed": 512}, "n_embed", "hidden_size 1024"),
    "tied": ("llama-7b", {"tie_word_embeddings": "yes"}, "tie_word_embeddings", "true or false"),
    "cross": ("gpt2", {"add_cross_attention": True}, "add_cross_attention", "true"),
    "neo-many": (
        "gpt-neo-125m",
        {"attention_types": [[["global", "local"], 10**12]]},
        "attention_types",
        "2000000000000 layers",
    ),
    "neo-times": (
        "gpt-neo-125m",
        {"attention_types": [[["global", "local"], -6]]},
        "attention_types",
        "a list such as",
    ),
    "neo-kind": (
        "gpt-neo-125m",
        {"attention_types": [[["round"], 12]]},
        "attention_types",
        "a list such as",
    ),
    "neo-object": ("gpt-neo-125m", {"attention_types": {}}, "attention_types", "a list such as"),
    "text-config": ("gemma-3-4b", {"text_config": [1]}, "text_config", "an object"),
    "no-text-config": ("gemma-3-4b", {"text_config": None}, "text_config", "is missing"),
    "no-type": ("llama-7b", {"model_type": None}, "model_type", "is missing"),
    "type": ("llama-7b", {"model_type": "bert"}, "model_type", "bert"),
    "type-case": ("llama-7b", {"model_type": "LLaMA"}, "model_type", "LLaMA"),
    "type-list": ("llama-7b", {"model_type": ["llama"]}, "model_type", "llama"),
    "type-long": ("llama-7b", {"model_type": "x" * 100_000}, "model_type", "xxx"),
}


@pytest.mark.parametrize(
    ("name", "changes", "key", "part"), CONTRADICTIONS.values(), ids=CONTRADICTIONS
)
def test_contradictions(
    cli: Cli, tmp_path: Path, name: str, changes: dict[str, Any], key: str, part: str
) -> None:
    start = time.perf_counter()

    result = run(cli, tmp_path, {**PUBLISHED[name], **changes})

    assert_one_line(result, tmp_path / "config.json", f": {key}: ", part)
    assert time.perf_counter() - start < 5


def test_the_default_of_a_missing_key_may_be_what_contradicts(cli: Cli, tmp_path: Path) -> None:
    config = {**SMALL["qwen2, defaults"]}
    del config["num_key_value_heads"]

    result = run(cli, tmp_path, config)

    assert_one_line(result, tmp_path / "config.json", "num_key_value_heads: is missing", "32")


def test_an_unknown_type_lists_the_known_ones(cli: Cli, tmp_path: Path) -> None:
    result = run(cli, tmp_path, {**PUBLISHED["llama-7b"], "model_type": "t5"})

    assert_one_line(result, tmp_path / "config.json", *FAMILIES, "gemma3,")


def test_the_key_of_a_nested_config_is_named_in_full(cli: Cli, tmp_path: Path) -> None:
    inner = {**PUBLISHED["gemma-3-4b"]["text_config"], "hidden_size": -1}

    result = run(cli, tmp_path, {**PUBLISHED["gemma-3-4b"], "text_config": inner})

    assert_one_line(result, tmp_path / "config.json", ": text_config.hidden_size: -1")


def test_the_line_is_that_of_the_key(cli: Cli, tmp_path: Path) -> None:
    text = json.dumps({**PUBLISHED["llama-7b"], "vocab_size": "many"}, indent=2)
    line = text[: text.index('"vocab_size"')].count("\n") + 1

    result = run(cli, tmp_path, text)

    assert_one_line(result, tmp_path / "config.json", f"config.json:{line}: vocab_size: ")


def test_compare_says_the_same(cli: Cli, tmp_path: Path) -> None:
    result = run(cli, tmp_path, {**PUBLISHED["gpt2"], "n_layer": HUGE}, "compare")

    assert_one_line(result, tmp_path / "config.json", ": n_layer: ")


# --- no config at all ---------------------------------------------------------------------------

GOOD = json.dumps(PUBLISHED["llama-7b"], indent=2)
FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "not valid JSON"),
    "blank": (" \n\n", "not valid JSON"),
    "truncated": (GOOD[: len(GOOD) // 2], "not valid JSON"),
    "two": (GOOD + GOOD, "not valid JSON"),
    "comma": (GOOD.replace("\n}", ",\n}"), "not valid JSON"),
    "array": (f"[{GOOD}]", "is not a JSON object"),
    "text": ('"llama"', "is not a JSON object"),
    "number": ("12", "is not a JSON object"),
    "null": ("null", "is not a JSON object"),
    "nan": (GOOD.replace("4096", "NaN", 1), "not valid JSON"),
    "infinity": (GOOD.replace("4096", "-Infinity", 1), "not valid JSON"),
    "overflow": (GOOD.replace("4096", "1e999", 1), "hidden_size"),
    "5000-digits": (GOOD.replace("4096", "9" * 5000, 1), "hidden_size"),
    "twice": (GOOD.replace("\n}", ',\n  "vocab_size": 7\n}'), '"vocab_size" is given twice'),
    "twice-inside": (GOOD.replace("\n}", ',\n  "x": {"a": 1, "a": 2}\n}'), '"a" is given twice'),
    "deep-array": ("[" * 100_000, "nested too deeply"),
    "deep-object": ('{"a":' * 100_000, "nested too deeply"),
    "binary": (b"\x7fELF\x02\xff\xfe\x00\x81" * 50, "is not UTF-8"),
    "utf-16": (GOOD.encode("utf-16"), "is not UTF-8"),
    "nul": (GOOD.replace("4096", "40\x0096", 1), "not valid JSON"),
    "50-MB-of-junk": (b"x" * 50_000_000, "larger than"),
    "50-MB-of-JSON": (b'{"a":"' + b"a" * 50_000_000 + b'"}', "larger than"),
}


@pytest.mark.parametrize(("content", "part"), FILES.values(), ids=FILES)
def test_files(cli: Cli, tmp_path: Path, content: str | bytes, part: str) -> None:
    start = time.perf_counter()

    result = run(cli, tmp_path, content)

    assert_one_line(result, tmp_path / "config.json", part)
    assert time.perf_counter() - start < 5


def test_the_same_value_twice_is_no_contradiction(cli: Cli, tmp_path: Path) -> None:
    result = run(cli, tmp_path, GOOD.replace("\n}", ',\n  "vocab_size": 32000\n}'))

    assert result.code == 0


@pytest.mark.parametrize("name", ["config.json", "folder/", "folder/config.json", "./x.json"])
def test_a_path_to_nothing(cli: Cli, tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}"

    assert_one_line(cli("models", path), tmp_path, "cannot be read")


def test_a_folder_without_a_config(cli: Cli, tmp_path: Path) -> None:
    assert_one_line(cli("models", f"{tmp_path}/"), tmp_path / "config.json", "cannot be read")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model_type": "gemma3"}, "text_config: is missing"),
        ({"model_type": "deepseek_v2", "mlp_bias": True}, "mlp_bias: true is not supported"),
        ({"model_type": "gpt2", "activation_function": 5}, "a word belongs here, not 5"),
        ({"num_key_value_heads": 3}, "3 does not divide num_attention_heads 4"),
    ],
    ids=["no-text-config", "a-bias-that-is-not-there", "no-word", "contradicting-sizes"],
)
def test_what_only_some_types_have(
    cli: Cli, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    config = {
        **{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100},
        **{"num_attention_heads": 4, "intermediate_size": 128, "max_position_embeddings": 64},
        **changed,
    }
    result = run(cli, tmp_path, config)

    assert (result.code, result.out) == (FILE, "")
    assert said in result.err
