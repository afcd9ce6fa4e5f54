"""Published memory of training runs, from the package's data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.specs.evidence import LeftOut, PublishedMemory, PublishedSource
from gptbudget.units import GIB

_FIGURES = {"peak_gb": 1e9, "peak_gib": GIB}
_OWN = frozenset({"id", "model", "gpu", "accumulates", "rank", "ran", *_FIGURES})
"""Fields of a row that are no options of the command line."""


def load_published_memory() -> tuple[tuple[PublishedMemory, ...], tuple[LeftOut, ...]]:
    """Every published row that can be scored, and those that cannot with the reason."""
    data = read_yaml(data_file("published_memory.yaml")).data
    rows = tuple(row for key, source in data["sources"].items() for row in _rows_of(key, source))
    return rows, tuple(LeftOut(**fields) for fields in data["left_out"])


def _rows_of(key: str, source: Mapping[str, Any]) -> Iterator[PublishedMemory]:
    described = PublishedSource(
        key,
        source["title"],
        source["url"],
        tuple(source.get("cites", ())),
        source.get("assumed"),
        border=source.get("border", False),
    )
    for raw in source["rows"]:
        row = {**source["options"], **raw}
        peaks = [row[name] * unit for name, unit in _FIGURES.items() if name in row]
        options = {name: value for name, value in row.items() if name not in _OWN}
        if row.get("accumulates"):
            one = row["micro_batch"] * row["seq_len"] * row.get("dp", 1)
            options.setdefault("global_batch_tokens", 2 * one)
        yield PublishedMemory(
            id=row["id"],
            source=described,
            model=row["model"],
            gpu=row["gpu"],
            options=options,
            figure=source["figure"],
            peak_bytes=peaks[0] if peaks else None,
            ran=row.get("ran", True),
            first_rank=row.get("rank") == "first",
        )
