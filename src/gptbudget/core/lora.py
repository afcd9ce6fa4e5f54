"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685, section 4.1).

A frozen matrix of n inputs and m outputs gets two trained ones, n x r and r x m.
"""

from __future__ import annotations

from gptbudget.specs.method import LoraTargets
from gptbudget.specs.model import ModelSpec


def adapter_parameters(model: ModelSpec, rank: int, targets: LoraTargets) -> int:
    """Trained parameters of the adapters: r (n + m) for each adapted matrix.

    ``qv`` adapts queries and values, ``all`` every matrix of the blocks; head and embedding
    stay as they are. Experts and latent attention are not covered.

    Example: 39,976,960 for Llama-2 7B at rank 16 on all matrices.
    """
    width, query, kv = model.width, model.query_width, model.kv_width
    ends = (width + query) + (width + kv)
    if targets == "all":
        into = 2 if model.ffn.gated else 1
        ends += (width + kv) + (query + width) + (into + 1) * (width + model.ffn_width)
    return rank * model.layers * ends
