"""One training step: the input of the memory and time formulas."""

from typing import NamedTuple

from gptbudget.core.arrays import Count
from gptbudget.core.implementation import Implementation
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stack


class TrainingStep(NamedTuple):
    """A step of one model, as one implementation runs it on one layout.

    Micro-batch, length, micro-batches and the degrees of the layout are plain numbers or arrays.
    """

    model: ModelSpec
    recipe: Recipe
    implementation: Implementation
    micro_batch: Count
    """Sequences per micro-batch on one data-parallel rank."""
    seq_len: Count
    """Tokens of a sequence."""
    layout: Layout = ONE_RANK
    micro_batches: Count = 1
    """Micro-batches per replica and step, run one after the other or through the pipeline."""

    @property
    def tokens(self) -> Count:
        """Tokens of a micro-batch on one rank."""
        return self.micro_batch * self.seq_len / self.layout.cp

    @property
    def stack(self) -> Stack:
        """The software."""
        return self.implementation.stack

    def with_stack(self, stack: Stack) -> "TrainingStep":
        """The same step with the speed of another stack."""
        return self._replace(implementation=self.implementation._replace(stack=stack))
