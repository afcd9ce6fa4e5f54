"""How one step is computed: precisions, optimizer, attention, checkpointing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptbudget.specs.base import Spec
from gptbudget.specs.gpu import Precision
from gptbudget.specs.stack import AttentionKind, Mode

RecipeKind = Literal["autocast", "pure"]
Optimizer = Literal["adamw", "adamw8bit", "adafactor", "sgd", "sgdm", "lion"]
OptimizerImpl = Literal["fused", "foreach", "loop"]
Checkpointing = Literal["none", "full"]


class Recipe(Spec):
    """A complete training recipe on one accelerator."""

    precision: Precision
    recipe: RecipeKind
    optimizer: Optimizer
    optimizer_impl: OptimizerImpl
    attention: AttentionKind
    checkpointing: Checkpointing
    dropout: Annotated[float, Field(ge=0, lt=1)]
    keep_logits: bool
    """The caller keeps the logits until the step ends."""
    accumulate: bool
    """Gradients of earlier micro-batches live through the forward pass."""

    @property
    def mode(self) -> Mode:
        """The memory mode: ``fp32`` covers tf32, which changes products and no storage."""
        if self.precision in {"fp32", "tf32"}:
            return "fp32"
        return self.recipe
