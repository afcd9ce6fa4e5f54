"""How many parameters a model has, and which of them are trained: sums over its tensors.

The trainable tensors of the framework's model are counted: matrices, biases and norm vectors.
Left out is what carries no gradient (rotary tables, masks, balancing terms in checkpoints).

Legend: L layers, h model width, a query heads, k key/value heads, d head width,
f feed-forward width, V vocabulary rows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

from gptbudget.core.arrays import Count, added, minimum
from gptbudget.core.parts import Parts
from gptbudget.core.tensors import Component, Tensor, by_cut, tensors_of
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import LoraTargets, Method

COMPONENTS: tuple[Component, ...] = get_args(Component)

_ADAPTED: dict[LoraTargets, frozenset[str]] = {
    "qv": frozenset({"query", "value"}),
    "all": frozenset({"query", "key", "value", "output", "gate", "up", "down"}),
}
"""The matrices of a layer that have adapters."""


class ParameterCount(NamedTuple):
    """Parameters by component; ``active`` is what one token uses."""

    parts: Parts[int]
    inactive: int
    """Parameters of the experts that a token does not visit."""

    @property
    def total(self) -> int:
        """All trainable parameters."""
        total: int = self.parts.total
        return total

    @property
    def active(self) -> int:
        """Parameters used for one token; the total when there are no experts."""
        return self.total - self.inactive


def count_parameters(model: ModelSpec) -> ParameterCount:
    """Count the trainable parameters of ``model``.

    GPT-2: N = V h + s h + L (12 h^2 + 13 h) + 2 h, so 124,439,808 for the small model and
    1,557,611,200 for XL (the released checkpoints). Llama: N = 2 V h + L (h d (2 a + 2 k)
    + 3 h f + 2 h) + h, so 6,738,415,616 for Llama-2 7B.
    """
    rows = [(often, each) for often, each in tensors_of(model).rows() if each.is_parameter]
    return ParameterCount(
        _by_component(rows, lambda each: each.parameters).present(),
        inactive=added(often * (each.parameters - each.active_parameters) for often, each in rows),
    )


def matmul_weights(model: ModelSpec) -> Parts[int]:
    """Weights that multiply every token, by component, with the active experts only.

    These are the W of "2 W FLOPs per token". The head counts once, tied or not; the
    embedding is a lookup and does not count.
    """
    rows = [(often, each) for often, each in tensors_of(model).rows() if each.product]
    return _by_component(rows, lambda each: each.active_parameters)


def checkpoint_only(model: ModelSpec) -> Parts[int]:
    """Values stored in a checkpoint that are not trained by gradients (buffers), by name.

    DeepSeek-V3: 14,848 balancing terms, so 671,026,419,200 values in all; Falcon-7B: a copy
    of the tied matrix, 295,469,056 of 7,217,189,760; Llama-2 7B: 2,048 rotary frequencies.
    """
    values: dict[str, int] = {}
    for often, each in tensors_of(model).rows():
        if not each.trained:
            values[each.name] = values.get(each.name, 0) + often * each.parameters
    return Parts(values)


def trained_parameters(model: ModelSpec, method: Method) -> int:
    """How many parameters have gradients."""
    if method.has_adapters:
        return adapter_parameters(model, method.lora_rank, method.lora_targets)
    total = count_parameters(model).total
    if method.kind == "full":
        return total
    return total - frozen_parameters(model, method.frozen_layers)


def frozen_parameters(model: ModelSpec, frozen_layers: int, *, active: bool = False) -> int:
    """Parameters of the embedding (a tied head is the embedding), positions and first layers.

    Final norm and head are above them and train. With ``active=True``, only the experts used for
    one token are counted.
    """
    table = tensors_of(model)
    frozen: Count = by_cut(table.below).total
    left: Count = frozen_layers
    for layers in table.layers:
        here = minimum(left, layers.number)
        left = left - here
        stored = [each for each in layers.tensors if each.is_parameter]
        frozen = frozen + here * added(
            each.active_parameters if active else each.parameters for each in stored
        )
    return frozen  # type: ignore[no-any-return]


def adapter_parameters(model: ModelSpec, rank: int, targets: LoraTargets) -> int:
    """Trained parameters of the adapters: r (n + m) for each adapted n x m matrix.

    ``qv`` adapts queries and values, ``all`` every matrix of the blocks; head and embedding
    stay as they are (Hu et al. 2021, arXiv 2106.09685, section 4.1). Latent attention is not
    covered, nor are experts with ``all``.

    Example: 39,976,960 for Llama-2 7B at rank 16 on all matrices.
    """
    ends: Count = added(
        layers.number * adapter_ends(layers.tensors, targets) for layers in tensors_of(model).layers
    )
    return rank * ends  # type: ignore[no-any-return]


def adapter_ends(tensors: tuple[Tensor, ...], targets: LoraTargets) -> Count:
    """Inputs and outputs of the adapted matrices of a layer, together."""
    return added(added(each.shape) for each in tensors if each.name in _ADAPTED[targets])


def _by_component(rows: list[tuple[Count, Tensor]], amount: Callable[[Tensor], Any]) -> Parts[int]:
    totals: dict[str, Count] = dict.fromkeys(COMPONENTS, 0)
    for often, each in rows:
        totals[each.component] = totals[each.component] + often * amount(each)
    return Parts(totals)
