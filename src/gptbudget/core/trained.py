"""Which parameters a method trains: all, adapters, or those above the frozen blocks."""

from __future__ import annotations

from gptbudget.core.parameters import block_parameters, count_parameters, ends_of_model
from gptbudget.specs.method import LoraTargets, Method
from gptbudget.specs.model import ModelSpec


def trained_parameters(model: ModelSpec, method: Method) -> int:
    """How many parameters have gradients."""
    if method.has_adapters:
        return adapter_parameters(model, method.lora_rank, method.lora_targets)
    total = count_parameters(model).total
    if method.kind == "full":
        return total
    return total - frozen_parameters(model, method.frozen_layers)


def frozen_parameters(model: ModelSpec, frozen_layers: int, *, active: bool = False) -> int:
    """Parameters of the embedding (a tied head is the embedding), positions and first blocks.

    Final norm and head are above them and train. Dense blocks of a model with experts come first;
    with ``active`` only the experts are counted that a token visits.
    """
    ends, one = ends_of_model(model), block_parameters(model)
    routed = max(0, frozen_layers - model.dense_layers)
    each = one.attention + one.whole
    dense = each + one.feed_forward
    experts = one.experts
    if active and model.experts:
        experts = experts * model.experts.active // model.experts.count
    expert = each + experts + one.shared_expert + one.router
    return ends.table + ends.below + (frozen_layers - routed) * dense + routed * expert


def adapter_parameters(model: ModelSpec, rank: int, targets: LoraTargets) -> int:
    """Trained parameters of the adapters: r (n + m) for each adapted n x m matrix.

    ``qv`` adapts queries and values, ``all`` every matrix of the blocks; head and embedding
    stay as they are (Hu et al. 2021, arXiv 2106.09685, section 4.1). Latent attention is not
    covered, nor are experts with ``all``.

    Example: 39,976,960 for Llama-2 7B at rank 16 on all matrices.
    """
    width, query, kv = model.width, model.query_width, model.kv_width
    ends = (width + query) + (width + kv)
    if targets == "all":
        into = 2 if model.ffn.gated else 1
        ends += (width + kv) + (query + width) + (into + 1) * (width + model.ffn_width)
    return rank * model.layers * ends
