"""A shipped catalog of a few entries, so that thousands of commands take minutes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gptbudget.catalog import paths
from gptbudget.catalog.paths import shipped_files
from gptbudget.catalog.yamlfile import read_yaml

KEPT = {
    "gpus": (
        "rtx-4070-ti",
        "rtx-4090",
        "v100-sxm-32gb",
        "a100-sxm-80gb",
        "h100-sxm-80gb",
        "tpu-v4",
    ),
    "models": ("gpt2", "gpt2-xl", "opt-350m", "llama-2-7b", "mixtral-8x7b", "deepseek-v3"),
}


@pytest.fixture(scope="session")
def few_entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shipped form of a few entries."""
    folder = tmp_path_factory.mktemp("few")
    for kind, path in zip(("gpus", "models"), shipped_files(), strict=True):
        every = read_yaml(path).data[kind]
        kept = {key: _plain(every[key]) for key in KEPT[kind] if key in every}
        text = yaml.safe_dump({kind: kept}, sort_keys=False, allow_unicode=True)
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


def _plain(data: object) -> object:
    """``data`` with lists in place of tuples, as PyYAML writes them."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(value) for value in data] if isinstance(data, tuple) else data


@pytest.fixture
def small_catalog(few_entries: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in an empty folder, on few shipped entries."""
    monkeypatch.setattr(paths, "shipped_folder", lambda: few_entries)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def files(small_catalog: Path) -> Path:
    """The files that command lines name."""
    texts = {
        "file.yaml": "gpus: {my-card: {peak_tflops: {fp32: 10, bf16: 20}, memory_gib: 12}}\n",
        "scenario.yaml": "{question: q, gpu: 4070ti, model: gpt2, require: {fits: true}}",
        "config.json": '{"model_type": "gpt2", "n_layer": 2, "n_embd": 64, "n_head": 4,'
        ' "n_positions": 64, "vocab_size": 99}',
        "runs.yaml": "sources: {s: {title: t, rows: [{id: one, model: gpt2, gpu: rtx-4090,"
        " tokens_per_s: 98000, micro_batch: 16, seq_len: 1024}]}}\n",
    }
    for name, text in texts.items():
        (small_catalog / name).write_text(text)
    return small_catalog
