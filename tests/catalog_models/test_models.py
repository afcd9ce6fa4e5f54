"""The shipped models: complete, cited, and counted as PyTorch counts them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.entries import CONCEPTS, architectures
from gptbudget.catalog.index import is_size, normalized
from gptbudget.catalog.paths import shipped_folder
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.core.parameters import count_parameters
from gptbudget.specs.model import Attention, ModelSpec

HERE = Path(__file__).parent
ROWS = json.loads((HERE / "pytorch_counts.json").read_text())["rows"]

MOST_LINES = 17
USUAL_LINES = 14

# Totals of checkpoints and model cards, for models that PyTorch did not count; below, to the
# digits that are printed.
PUBLISHED = {
    "bloom-3b": 3_002_557_440,
    "code-llama-34b": 33_743_970_304,
    "deepseek-v2": 235_741_434_880,
    "falcon3-7b": 7_455_550_464,
    "gemma-2-27b": 27_227_128_320,
    "gpt-neo-2.7b": 2_651_307_520,
    "gpt-oss-120b": 116_829_156_672,
    "llama-3.1-70b": 70_553_706_496,
    "llama-3.2-3b": 3_212_749_824,
    "llama-33b": 32_528_943_616,
    "ministral-8b": 8_019_808_256,
    "mistral-large-123b": 122_610_069_504,
    "mistral-nemo-12b": 12_247_782_400,
    "mistral-small-24b": 23_572_403_200,
    "mixtral-8x22b": 140_630_071_296,
    "olmo-2-32b": 32_234_279_936,
    "olmo-7b": 6_888_095_744,
    "phi-3-medium": 13_960_238_080,
    "phi-4-mini": 3_836_021_760,
    "pythia-410m": 405_334_016,
    "qwen2.5-14b": 14_770_033_664,
    "qwen2.5-32b": 32_763_876_352,
    "qwen3-14b": 14_768_307_200,
    "qwen3-235b-a22b": 235_093_634_560,
    "starcoder2-15b": 15_957_889_024,
    "starcoderbase-15b": 15_517_456_384,
    "yi-34b": 34_388_917_248,
    "yi-6b": 6_061_035_520,
}
ROUNDED = {
    "cerebras-gpt-111m": 111e6,
    "cerebras-gpt-256m": 256e6,
    "cerebras-gpt-590m": 590e6,
    "deepseek-llm-67b": 67.4e9,
    "mpt-30b": 29.96e9,
    "opt-66b": 65.7e9,
    "qwen2-57b-a14b": 57.4e9,
}
FALCON_180B_CHECKPOINT = 179_522_565_120
"""It holds a copy of the head beside the embedding, which is one matrix in the model."""


@cache
def shipped() -> dict[str, ModelSpec]:
    return {entry.key: entry.spec for entry in load_catalog().models if entry.shipped}


@cache
def written() -> dict[str, str]:
    text = (shipped_folder() / "models.yaml").read_text()
    return dict(re.findall(r"^  ([^ #:]+):\n((?:    .*\n)+)", text, re.MULTILINE))


def test_at_least_110_models_and_every_one_builds() -> None:
    assert len(shipped()) >= 110
    assert list(shipped()) == list(written())


@pytest.mark.parametrize(("name", "total", "active"), ROWS, ids=[row[0] for row in ROWS])
def test_counts_are_those_of_pytorch(name: str, total: int, active: int) -> None:
    count = count_parameters(shipped()[name])

    assert count.total == total
    assert count.active == active


def test_pytorch_counted_99_models() -> None:
    assert len({name for name, _, _ in ROWS}) == 99


@pytest.mark.parametrize(("name", "total"), PUBLISHED.items())
def test_published_totals_are_exact(name: str, total: int) -> None:
    assert count_parameters(shipped()[name]).total == total


@pytest.mark.parametrize(("name", "total"), ROUNDED.items())
def test_published_totals_that_are_rounded(name: str, total: float) -> None:
    assert count_parameters(shipped()[name]).total == pytest.approx(total, rel=1e-3)


def test_falcon_180b_differs_from_its_checkpoint_by_the_copy_of_the_head() -> None:
    model = shipped()["falcon-180b"]

    copy = model.vocabulary * model.width

    assert count_parameters(model).total == FALCON_180B_CHECKPOINT - copy


def test_models_grown_from_one_plan_differ_only_by_their_vocabulary() -> None:
    models = shipped()
    before, after = models["mistral-7b-v0.1"], models["mistral-7b-v0.3"]
    rows = after.vocabulary - before.vocabulary

    added = count_parameters(after).total - count_parameters(before).total

    assert added == 2 * rows * after.width


def test_names_and_aliases_are_unique() -> None:
    owner: dict[str, str] = {}
    for key, model in shipped().items():
        for name in (key, model.name, *model.aliases):
            assert owner.setdefault(normalized(name), key) == key, name


def test_no_alias_repeats_the_key_or_the_name_or_reads_as_a_size() -> None:
    for key, model in shipped().items():
        for alias in model.aliases:
            assert not is_size(alias), alias
            assert "/" not in alias, alias
        distinct = {normalized(alias) for alias in model.aliases}
        assert len(distinct) == len(model.aliases), key


def test_every_model_cites_its_sources() -> None:
    for key, model in shipped().items():
        assert model.sources, key
        assert any(source.startswith("http") or "arXiv" in source for source in model.sources), key


def test_training_tokens_are_published_by_more_than_the_config() -> None:
    for key, model in shipped().items():
        if model.training_tokens is not None:
            assert any("/config.json" not in source for source in model.sources), key


@pytest.mark.parametrize("key", sorted(written()))
def test_an_entry_is_short(key: str) -> None:
    lines = written()[key].splitlines()

    assert len(lines) + 1 <= MOST_LINES
    assert all(len(line) <= 110 for line in lines)


def test_most_entries_are_shorter_still() -> None:
    sizes = sorted(body.count("\n") + 1 for body in written().values())

    assert sizes[len(sizes) * 3 // 4] <= USUAL_LINES + 1
    assert sizes[len(sizes) // 2] <= USUAL_LINES


def test_an_entry_says_nothing_that_its_architecture_says() -> None:
    for key, data in read_yaml(shipped_folder() / "models.yaml").data["models"].items():
        base = architectures()[data["architecture"]]
        for concept in CONCEPTS:
            repeated = {
                name
                for name, value in dict(data.get(concept, {})).items()
                if base[concept].get(name) == value
            }
            assert not repeated, (key, concept, repeated)


def test_no_architecture_equals_another() -> None:
    seen: dict[str, str] = {}
    for name, data in architectures().items():
        concepts = {concept: dict(data[concept]) for concept in CONCEPTS}
        concepts["attention"] = Attention(heads=1, **concepts["attention"]).model_dump()
        same = seen.setdefault(json.dumps(concepts, sort_keys=True, default=dict), name)
        assert same == name, f"{name} equals {same}"


def test_every_architecture_is_used_and_cites_its_implementation() -> None:
    used = {model.architecture for model in shipped().values()}

    assert used == set(architectures())
    for name, data in architectures().items():
        assert data["source"].startswith("http") or "arXiv" in data["source"], name


def test_windows_are_narrower_than_the_context() -> None:
    for key, model in shipped().items():
        if model.attention.window is not None:
            assert model.attention.window < model.context, key
            assert 0 < model.windowed_layers <= model.layers, key


def test_the_training_sequence_is_no_longer_than_the_context() -> None:
    for key, model in shipped().items():
        if model.training_seq_len is not None:
            assert model.training_seq_len < model.context, key


def test_gemma_3_is_the_language_model_only() -> None:
    notes = [shipped()[key].notes or "" for key in ("gemma-3-4b", "gemma-3-12b", "gemma-3-27b")]

    assert all("language model only" in note for note in notes)


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ("Llama-2-7b-hf", "llama-2-7b"),
        ("Meta-Llama-3.1-8B", "llama-3.1-8b"),
        ("Qwen2.5-7B", "qwen2.5-7b"),
        ("OLMo-2-1124-7B", "olmo-2-7b"),
        ("phi-1_5", "phi-1.5"),
        ("stablelm-2-1_6b", "stablelm-2-1.6b"),
        ("pythia-1b-deduped", "pythia-1b"),
        ("Mixtral-8x7B-v0.1", "mixtral-8x7b"),
        ("bloom", "bloom-176b"),
        ("DeepSeek-R1", "deepseek-v3"),
        ("Llama 3.3 70B Instruct", "llama-3.1-70b"),
    ],
)
def test_a_model_is_found_by_its_name_on_hugging_face(asked: str, key: str) -> None:
    assert load_catalog().models.find(asked).key == key
