"""The cards of this machine as a catalog entry, by the exact name that the driver reports."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gptbudget.catalog.catalog import Entry, Section
from gptbudget.catalog.index import names_of, normalized
from gptbudget.catalog.nvml import NAME_ONE, Card, read_cards
from gptbudget.catalog.paths import user_catalog
from gptbudget.errors import UnknownNameError, UsageError
from gptbudget.specs.gpu import GpuSpec
from gptbudget.units import GIB

_MAKER = "NVIDIA "
_LEAST_SHARE, _MOST_SHARE = 0.9, 1.05
"""Accepted range of reported / marketed memory; ECC can take 1/16."""

_PLAIN = r"[A-Za-z][\w ./()-]*"


class Local(NamedTuple):
    """What this machine has."""

    entry: Entry[GpuSpec]
    cards: int
    usable_bytes: float | None
    """Of the card that has least."""


def find_local(gpus: Section[GpuSpec]) -> Local:
    """The cards of this machine, which must be of one kind.

    Raises:
        UsageError: NVML does not answer, there is no card, or there are different ones.
        UnknownNameError: the catalog does not have the card.
    """
    cards = read_cards()
    if not cards:
        raise UsageError("the NVIDIA driver finds no card on this machine", NAME_ONE)
    keys = [_key_of(card, gpus) for card in cards]
    kinds = Counter(key or card.name for key, card in zip(keys, cards, strict=True))
    if len(kinds) > 1:
        every = ", ".join(f"{count} x {kind}" for kind, count in kinds.items())
        raise UsageError(
            f"--gpu auto: this machine has different cards: {every}",
            f"name one, for example --gpu {next(filter(None, keys), '4070ti')}",
        )
    if keys[0] is None:
        raise _unknown(cards[0], gpus)
    usable = [card.usable_bytes for card in cards if card.usable_bytes is not None]
    return Local(gpus.find(keys[0]), len(cards), min(usable, default=None))


def _key_of(card: Card, gpus: Section[GpuSpec]) -> str | None:
    """The entry that has the driver's name and this much memory."""
    for key, raw in gpus.raw.items():
        if _short(card.name) in map(_short, _names(key, raw.data)):
            marketed = raw.data.get("memory_gib")
            if card.total_bytes is None or not isinstance(marketed, int | float):
                return key
            if _LEAST_SHARE <= card.total_bytes / (marketed * GIB) <= _MOST_SHARE:
                return key
    return None


def _short(name: str) -> str:
    """Remove "NVIDIA ", which drivers before 465 do not report."""
    return name.removeprefix(_MAKER)


def _names(key: str, data: Any) -> list[str]:
    """The names of an entry, and those that a driver has for it."""
    nvml = data.get("nvml") if isinstance(data, Mapping) else None
    listed = nvml.get("names") if isinstance(nvml, Mapping) else None
    drivers = (name for name in listed or () if isinstance(name, str))
    return [*(name for name, _ in names_of(key, data)), *drivers]


def _unknown(card: Card, gpus: Section[GpuSpec]) -> UnknownNameError:
    """An error that explains how to add the card: a template entry, and its file."""
    path = user_catalog()
    file = path if path.suffix in {".yaml", ".yml"} else path / "gpus.yaml"
    action = f"add this under gpus: in {file}" if file.exists() else f"save this as {file}"
    memory = "" if card.total_bytes is None else f" with {card.total_bytes / GIB:.0f} GiB"
    return UnknownNameError(
        f"--gpu auto: the catalog does not have {card.name}{memory}",
        f"{action}, with its peaks from the data sheet",
        starting_entry(card, gpus, file),
    )


def starting_entry(card: Card, gpus: Section[GpuSpec], file: Path) -> str:
    """The YAML of the entry to start from; if the name is taken, the memory size is appended."""
    gib = None if card.total_bytes is None else round(card.total_bytes / GIB)
    key, name = re.sub(r"[^a-z0-9]+", "-", _short(card.name).lower()).strip("-"), card.name
    taken = gpus.index()
    lines = []
    if {normalized(key), normalized(name)} & taken.keys():
        key, name = f"{key}-{gib}gb", f"{name} {gib} GB"
        lines.append(f"nvml: {{names: [{_scalar(card.name)}], source: its driver}}")
    lines.insert(0, f"name: {_scalar(name)}")
    if gib is not None and card.usable_bytes is not None:
        lines += [f"memory_gib: {gib}", f"memory_reported_gib: {card.usable_bytes / GIB:.2f}"]
    lines += [
        "peak_tflops: {}  # dense, from the data sheet: {fp32: 40.09, bf16: 80.18}",
        "sources: []",
    ]
    head = [] if file.exists() else ["gpus:"]
    return "\n".join([*head, f"  {key}:", *(f"    {line}" for line in lines)])


def _scalar(text: str) -> str:
    return text if re.fullmatch(_PLAIN, text) else json.dumps(text)
