"""Scaling laws: how many tokens a model of a given size is best trained on.

Legend: N parameters, D tokens, L(N, D) = E + A / N^alpha + B / D^beta.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class ChinchillaFit(NamedTuple):
    """Constants of one fit of L(N, D) and where they were printed."""

    name: str
    irreducible: float
    a: float
    b: float
    alpha: float
    beta: float
    source: str


BESIROGLU = ChinchillaFit(
    name="Besiroglu et al. 2024",
    irreducible=1.8172,
    a=482.01,
    b=2085.43,
    alpha=0.3478,
    beta=0.3658,
    source="https://arxiv.org/abs/2404.10102 and its notebook, "
    "https://github.com/epoch-research/analyzing-chinchilla",
)


def compute_optimal_tokens(parameters: Any, fit: ChinchillaFit = BESIROGLU) -> Any:
    """Tokens D at which N parameters are the best use of the compute 6 N D.

    D = (beta B N^alpha / (alpha A))^(1 / beta), the point where the loss falls equally fast
    along N and D for a fixed N D. Assumes fresh tokens and the corpus of the fit. The
    rounded constants printed by Hoffmann et al. 2022 are not used: two digits of an exponent
    move the answer several times at large N (Besiroglu et al., section 3).

    Example: 3.130e9 tokens for the 124,439,808 parameters of GPT-2 small, and 18.4 tokens a
    parameter at Chinchilla's budget of 5.76e23 FLOP.
    """
    ratio = fit.beta * fit.b / (fit.alpha * fit.a)
    return (ratio * parameters**fit.alpha) ** (1 / fit.beta)
