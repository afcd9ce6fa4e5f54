"""Which weights are trained: all, adapters beside frozen ones, or the upper layers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptbudget.specs.base import Count, Spec

MethodKind = Literal["full", "lora", "qlora", "frozen"]
LoraTargets = Literal["qv", "all"]
"""Queries and values, or every matrix of the blocks."""

LoraPrecision = Literal["fp32", "bf16"]


class Method(Spec):
    """A training method; the ``lora`` fields count for ``lora`` and ``qlora``."""

    kind: MethodKind
    lora_rank: Count = 16
    lora_targets: LoraTargets = "all"
    lora_precision: LoraPrecision = "fp32"
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    double_quant: bool = True
    """The scales of the 4-bit weights are themselves quantized."""
    frozen_layers: Annotated[int, Field(ge=0)] = 0
    """How many of the first blocks are frozen, with the embedding."""

    @property
    def has_adapters(self) -> bool:
        """Whether adapters are trained beside frozen weights."""
        return self.kind in {"lora", "qlora"}
