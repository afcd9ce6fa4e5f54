"""Which weights are trained: all, adapters beside frozen ones, or the upper layers."""

from __future__ import annotations

from typing import Literal, NamedTuple

MethodKind = Literal["full", "lora", "qlora", "frozen"]
LoraTargets = Literal["qv", "all"]
"""Queries and values, or every matrix of the blocks."""

LoraPrecision = Literal["fp32", "bf16"]


class Method(NamedTuple):
    """A training method; the ``lora`` fields count for ``lora`` and ``qlora``."""

    kind: MethodKind = "full"
    lora_rank: int = 16
    lora_targets: LoraTargets = "all"
    lora_precision: LoraPrecision = "fp32"
    lora_dropout: float = 0.0
    double_quant: bool = True
    """The scales of the 4-bit weights are themselves quantized."""
    frozen_layers: int = 0
    """How many of the first blocks are frozen, with the embedding."""

    @property
    def has_adapters(self) -> bool:
        """Whether adapters are trained beside frozen weights."""
        return self.kind in {"lora", "qlora"}
