"""Scaling laws beside Hoffmann et al. 2022: allocation, inference, repeated data, depth.

Legend: N parameters, D training tokens, C = 6 N D training FLOPs, I tokens of inference, U unique
tokens.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from gptbudget.core.arrays import Count, Flops, exponential, minimum
from gptbudget.core.chinchilla import (
    BESIROGLU,
    MUENNIGHOFF,
    ChinchillaLaw,
    compute_optimal_parameters,
    compute_optimal_parameters_for,
    predicted_loss,
)


class SizeLaw(NamedTuple):
    """N = scale x C^exponent."""

    name: str
    scale: float
    exponent: float
    source: str

    def parameters(self, flops: Flops) -> Count:
        """Return the compute-optimal parameters for a budget; the tokens follow as C / (6 N).

        Published (Hoffmann et al. 2022): 67e9 by approach 1 and 63e9 by approach 2 at 5.76e23.
        """
        return self.scale * flops**self.exponent


APPROACH_1 = SizeLaw(
    "Chinchilla approach 1",
    0.09874,
    0.4981,
    "least-squares line through the logarithms of https://arxiv.org/abs/2203.15556, Table 3",
)
APPROACH_2 = SizeLaw(
    "Chinchilla approach 2",
    0.1447,
    0.4900,
    "least-squares line through the logarithms of https://arxiv.org/abs/2203.15556, Table A3",
)

TOKENS_PER_PARAMETER = 20
"""The rule of thumb that approximates approaches 1 and 2 between 1e20 and 1e24 FLOP."""


def parameters_at_fixed_ratio(flops: Flops, tokens_per_parameter: float) -> Count:
    """Parameters N with D = r N tokens: sqrt(C / (6 r)).

    Example: Chinchilla itself, 70e9 parameters at 5.76e23 FLOP and 20 tokens a parameter
    (Hoffmann et al. 2022, Table 1), 69.3e9 here.
    """
    return (flops / (6 * tokens_per_parameter)) ** 0.5


def deepseek_model_flops(flops: Flops) -> Flops:
    """Non-embedding FLOPs per token M that make the best of C = M D: 0.1715 C^0.5243.

    M counts attention scores too, so that N is about M / 6 (DeepSeek LLM, arXiv 2401.02954,
    equation 4). Its tokens are ``deepseek_tokens``.
    """
    return 0.1715 * flops**0.5243


def deepseek_tokens(flops: Flops) -> Count:
    """Tokens D that make the best of C = M D: 5.8316 C^0.4757 (the same equation).

    Published: M D = C by construction, 1.000 here at 1e20 FLOP.
    """
    return 5.8316 * flops**0.4757


_PF_DAY = 8.64e19
"""FLOPs of one PF-day."""


def kaplan_parameters(flops: Flops) -> Count:
    """Non-embedding parameters N = 1.3e9 C_min^0.73, C_min in PF-days.

    Kaplan et al. 2020 (arXiv 2001.08361), Table 6.

    C_min is the compute at a batch far below the critical one; training at the critical batch
    takes twice as much, so that C_min = C / 2. Fixed learning-rate schedules made this law ask
    for too large models (Hoffmann et al. 2022, section 2): it is shown, not followed.

    Published: 4.68e9 at 1e21 FLOP (Hoffmann et al. 2022, appendix D.4).
    """
    return 1.3e9 * (flops / 2 / _PF_DAY) ** 0.73


_HALVINGS = 100


def parameters_for_inference(
    flops: float, inference_tokens: float, fit: ChinchillaLaw = BESIROGLU
) -> float:
    """Parameters N on the frontier of 6 N D + 2 N I at a training budget C = 6 N D.

    Of all models of one loss, the one that training and use together cost least (Sardana et al.
    2024, arXiv 2401.00448): alpha A / N^alpha = (1 + I / (3 D)) beta B / D^beta, whose left falls
    and right rises with N at a fixed C, so halving finds the one N. Scalars only. Without
    inference it is the Chinchilla optimum.

    Example: of the loss of the 70e9 optimum and I = 1e13, 32.7e9 parameters on 3.67e12 tokens:
    29.1 % fewer FLOPs in all than the optimum of training alone.
    """

    def too_small(parameters: float) -> bool:
        tokens = flops / (6 * parameters)
        by_size = fit.alpha * fit.a / parameters**fit.alpha
        by_tokens = fit.beta * fit.b / tokens**fit.beta
        return bool(by_size > by_tokens * (1 + inference_tokens / (3 * tokens)))

    high = math.log(compute_optimal_parameters(flops, fit))
    low = high
    while not too_small(math.exp(low)):
        low -= 1
    return math.exp(_halved(lambda log: too_small(math.exp(log)), low, high))


def total_flops(parameters: float, tokens: float, inference_tokens: float) -> float:
    """FLOPs of training and inference: 6 N D + 2 N I."""
    return parameters * (6 * tokens + 2 * inference_tokens)


_REPETITIONS_OF_TOKENS = 15.387756
_REPETITIONS_OF_PARAMETERS = 5.309743
_GRID = 240
_GOLDEN = (math.sqrt(5) - 1) / 2


def _worth(unique: Count, seen: Count, constant: float) -> Count:
    repeats = seen / unique - 1
    return unique * (1 + constant * (1 - exponential(-repeats / constant)))


def effective_tokens(tokens: Count, unique_tokens: Count) -> Count:
    """Fresh tokens that D tokens out of U are worth: U (1 + R* (1 - exp(-(D/U - 1) / R*))).

    Muennighoff et al. 2023 (arXiv 2305.16264), equations 5 and 6, with the constants of
    https://github.com/huggingface/datablations, R* = 15.39: four epochs are
    worth 3.73 U, sixteen 10.58 U, endless ones 16.39 U.
    """
    return _worth(minimum(tokens, unique_tokens), tokens, _REPETITIONS_OF_TOKENS)


def effective_parameters(parameters: Count, unique_tokens: Count) -> Count:
    """Parameters that N are worth on U unique tokens; those beyond U's optimum are worth less.

    The same form with R* = 5.31 over the size for which U is the compute-optimal number.
    """
    enough = compute_optimal_parameters_for(unique_tokens, MUENNIGHOFF)
    return _worth(minimum(parameters, enough), parameters, _REPETITIONS_OF_PARAMETERS)


def loss_on_repeated_data(parameters: Count, tokens: Count, unique_tokens: Count) -> Count:
    """Loss of N parameters trained on D tokens, of which U are unique, in nats a token of C4.

    Example: 33.7e9 fresh tokens are worth as much as the 9.04e9 of OpenWebText seen four times.
    """
    fresh = minimum(tokens, unique_tokens)
    return predicted_loss(
        effective_parameters(parameters, fresh),
        effective_tokens(tokens, unique_tokens),
        MUENNIGHOFF,
    )


def optimal_parameters_on_repeated_data(flops: float, unique_tokens: float) -> float:
    """Return the compute-optimal parameters N for C = 6 N D FLOPs when only U tokens are unique.

    Scalars only: the loss is searched along N, first on a grid and then by golden section. With
    enough data it is the optimum of the fit; with less, it is better to add epochs than parameters
    (their section 5).
    """
    best = compute_optimal_parameters(flops, MUENNIGHOFF)

    def loss(log_parameters: float) -> float:
        parameters = math.exp(log_parameters)
        return float(loss_on_repeated_data(parameters, flops / (6 * parameters), unique_tokens))

    middle, width = math.log(best), math.log(1e4)
    step = 2 * width / _GRID
    grid = [middle - width + step * index for index in range(_GRID + 1)]
    around = min(grid, key=loss)
    return math.exp(_lowest(loss, around - step, around + step))


def _lowest(loss: Callable[[float], float], low: float, high: float) -> float:
    """Golden-section search: return the minimum of a unimodal function, to 1e-6."""
    while high - low > 1e-6:  # noqa: PLR2004 - of a logarithm
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return (low + high) / 2


_A, _B = 5.039, 0.0555
"""Constants of Levine et al.'s fit of the width at which more depth begins to help; reproduces the
30e3 of their abstract."""


def width_at_depth(layers: float) -> float:
    """Return the smallest width h at which L layers are useful: exp(5.039 + 0.0555 L).

    Levine et al. 2020 (arXiv 2006.12467). A narrower model of so many layers does no
    better than a wider one of fewer layers with as many parameters. Fitted to depths of 6 to 48;
    beyond, it is extrapolated.

    Published: 30e3 for the 95 layers that a model of 1e12 parameters should have (abstract).
    """
    return math.exp(_A + _B * layers)


def deepest_layers(block_parameters: float) -> float:
    """Layers beyond which depth is no better than width, for 12 L h^2 parameters of blocks.

    Example: 80 layers for GPT-3's 174e9, which has 96 ("too deep for its size").
    """
    return _halved(
        lambda depth: 12 * depth * width_at_depth(depth) ** 2 < block_parameters, 0.01, 1e3
    )


def _halved(too_small: Callable[[float], bool], low: float, high: float) -> float:
    """Return by bisection the smallest number for which ``too_small`` is false."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_small(middle) else (low, middle)
    return high
