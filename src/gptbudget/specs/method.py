"""Which weights are trained: all, adapters beside frozen ones, or the upper layers."""

from __future__ import annotations

from typing import Literal

from gptbudget.specs.base import Count, Spec

MethodKind = Literal["full", "lora", "frozen"]
LoraTargets = Literal["qv", "all"]
"""Queries and values, or every matrix of the blocks."""


class Method(Spec):
    """A training method."""

    kind: MethodKind
    lora_rank: Count = 16
    lora_targets: LoraTargets = "all"
    frozen_layers: int = 0
    """How many of the first layers are frozen, with the embedding."""
