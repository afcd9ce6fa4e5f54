"""Optimizers: one row each, with all that memory, time, options and search use.

A new optimizer is a row here, and its test. Formulas are in :mod:`gptbudget.core`, which reads the
row by :attr:`gptbudget.specs.recipe.Recipe.optimizer_spec`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from gptbudget.specs.layout import Zero

OptimizerImpl = Literal["fused", "foreach", "loop", "in-backward"]
"""How the optimizer step is executed; ``in-backward`` uses and frees each gradient during the
backward pass."""


class State(NamedTuple):
    """What an optimizer keeps between steps for each trained parameter."""

    tensors: float = 0
    """Values in fp32, or in 16 bit where the weights are pure 16 bit."""
    fixed_bytes: float = 0
    """Bytes of state whose type does not depend on the recipe."""
    rows_and_columns: bool = False
    """One value for each row and column of a matrix too: negligible, not counted."""


class Temporaries(NamedTuple):
    """Temporary memory of an implementation during the optimizer step."""

    weights: float = 0
    """Copies of all trained weights, in their type."""
    table_gradients: float = 0
    """Copies of the gradient of the vocabulary matrix, the largest of all."""
    fp32_tables: float = 0
    """fp32 tensors as large as the vocabulary matrix."""


class Optimizer(NamedTuple):
    """An optimizer: what it keeps, how it steps, and where it is offered."""

    title: str
    source: str
    """The paper or the code that its figures are from."""
    state: State
    matrix_state: State | None = None
    """The state of the matrices of blocks; ``None``: as of everything else."""
    paged: bool = False
    """Whether its state is in CUDA managed memory, whose pages move to the host when the card is
    full."""
    sharded_from: Zero = 1
    """The ZeRO stage from which data-parallel ranks share its state and its update."""
    newton_schulz_flops: float = 0
    """FLOPs of its update for each weight of the blocks' matrices and channel of the model, beside
    reading and writing all that it keeps."""
    implementations: Mapping[OptimizerImpl, Temporaries] = MappingProxyType({})
    """Those that can be chosen, the default first; empty: one that holds nothing."""
    measured: bool = False
    """Whether measured training steps cover it."""
    tried_for: str | None = None
    """The optimizer that a search replaces with it; ``None``: used only if the user gives it."""
    quality_cost: int = 0
    """Quality cost assumed in a search: 1 for fewer bits, 0 for none."""
    default_in: tuple[str, ...] = ()
    """Programs whose default optimizer it is."""

    @property
    def keeps_state(self) -> bool:
        """Whether it keeps anything that could be moved to the host."""
        return any(self.state) or any(self.matrix_state or ())

    @property
    def fusing_saves(self) -> bool:
        """Whether it has a fused implementation, and another that holds copies."""
        return "fused" in self.implementations and any(map(any, self.implementations.values()))


_IN_PLACE = Temporaries()
_8_BIT = State(fixed_bytes=2 + 2 * 4 / 2048)
"""Two 1-byte moments and a 4-byte scale for each 2,048 values; tensors below 4,096 values, which
stay fp32, are left out."""

DEFAULT_OPTIMIZER = "adamw"

OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        "adamw": Optimizer(
            title="AdamW",
            source="Loshchilov and Hutter 2017, arXiv 1711.05101: two moments",
            state=State(tensors=2),
            implementations={
                "fused": _IN_PLACE,
                "foreach": Temporaries(weights=1),
                "loop": Temporaries(table_gradients=2),
                "in-backward": _IN_PLACE,
            },
            measured=True,
            default_in=("nanoGPT", "torchtitan", "Megatron-LM"),
        ),
        "adamw8bit": Optimizer(
            title="8-bit AdamW",
            source="bitsandbytes, optim/optimizer.py",
            state=_8_BIT,
            implementations={"fused": _IN_PLACE, "in-backward": _IN_PLACE},
            tried_for="adamw",
            quality_cost=1,
        ),
        "paged-adamw8bit": Optimizer(
            title="paged 8-bit AdamW",
            source="bitsandbytes, functional.get_paged",
            state=_8_BIT,
            paged=True,
            implementations={"fused": _IN_PLACE, "in-backward": _IN_PLACE},
        ),
        "adam-mini": Optimizer(
            title="Adam-mini",
            source="Zhang et al. 2024, arXiv 2406.16793, abstract: half of AdamW's memory; of the "
            "second moment a value for each block of parameters, at most 0.1 %, not counted",
            state=State(tensors=1),
        ),
        "adafactor": Optimizer(
            title="Adafactor",
            source="Shazeer and Stern 2018, arXiv 1804.04235; foreach is PyTorch's, loop "
            "Hugging Face's",
            state=State(rows_and_columns=True),
            implementations={
                "foreach": Temporaries(table_gradients=1),
                "loop": Temporaries(fp32_tables=4),
            },
            measured=True,
        ),
        "sgd": Optimizer(
            title="SGD",
            source="https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html",
            state=State(),
            measured=True,
        ),
        "sgdm": Optimizer(
            title="SGD with momentum",
            source="https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html",
            state=State(tensors=1),
            measured=True,
        ),
        "lion": Optimizer(
            title="Lion",
            source="Chen et al. 2023, arXiv 2302.06675: one moment",
            state=State(tensors=1),
        ),
        "muon": Optimizer(
            title="Muon",
            source="Jordan et al. 2024, https://kellerjordan.github.io/posts/muon: AdamW for all "
            "but the matrices of blocks; five iterations of three products",
            state=State(tensors=2),
            matrix_state=State(tensors=1),
            newton_schulz_flops=30,
        ),
    }
)
"""Every optimizer, by the name that ``--optimizer`` takes, in the order of ``--help``."""
