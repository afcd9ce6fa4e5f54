"""How one step is computed: precisions, optimizer, attention, checkpointing, method."""

from typing import Literal, NamedTuple

from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS, Optimizer, OptimizerImpl
from gptbudget.specs.stack import AttentionKind, Mode

Precision = Literal["fp32", "tf32", "bf16", "fp16", "fp8", "fp4"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16", "fp16", "fp8", "fp4")

MethodKind = Literal["full", "lora", "qlora", "frozen"]
LoraTargets = Literal["qv", "all"]
"""Queries and values, or every matrix of the blocks."""

LoraPrecision = Literal["fp32", "bf16"]

RecipeKind = Literal["autocast", "pure", "master"]
Checkpointing = Literal["none", "selective", "full"]
LossKind = Literal["plain", "fused", "chunked"]
Offload = Literal["none", "optimizer", "all"]


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


class Recipe(NamedTuple):
    """A complete training recipe on one accelerator."""

    precision: Precision
    weight_storage: RecipeKind = "autocast"
    optimizer: str = DEFAULT_OPTIMIZER
    """A name of :data:`gptbudget.specs.optimizers.OPTIMIZERS`."""
    optimizer_impl: OptimizerImpl = "fused"
    attention: AttentionKind = "flash"
    checkpointing: Checkpointing = "none"
    loss: LossKind = "plain"
    dropout: float = 0.0
    keep_logits: bool = False
    """The caller keeps the logits until the step ends."""
    accumulate: bool = False
    """Gradients of earlier micro-batches live through the forward pass."""
    offload: Offload = "none"
    """What lives in host memory: the optimizer's state, or the weights and gradients too."""
    method: Method = Method()

    @property
    def optimizer_spec(self) -> Optimizer:
        """What is known of the optimizer."""
        return OPTIMIZERS[self.optimizer]

    @property
    def uses_host(self) -> bool:
        """Whether anything may live in host memory: an offload, or pages of the state."""
        return self.offload != "none" or self.optimizer_spec.paged

    @property
    def mode(self) -> Mode:
        """How tensors are stored: ``fp32`` includes tf32, which affects matmuls but not storage."""
        if self.precision in {"fp32", "tf32"}:
            return "fp32"
        return "autocast" if self.weight_storage == "autocast" else "pure"


def field_of(option: str) -> str:
    """The field of a :class:`Recipe` that an option sets."""
    return "weight_storage" if option == "recipe" else option
