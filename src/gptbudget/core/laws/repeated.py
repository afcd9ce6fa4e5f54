"""Data that runs out: what tokens are worth when they are seen again (Muennighoff et al. 2023).

Legend: U unique tokens, D tokens seen, N parameters; arXiv 2305.16264, equations 5 and 6, and
constants of https://github.com/huggingface/datablations.
"""

import math
from collections.abc import Callable

from gptbudget.core.arrays import Count, exponential, minimum
from gptbudget.core.laws.chinchilla import (
    MUENNIGHOFF,
    compute_optimal_parameters,
    compute_optimal_parameters_for,
    predicted_loss,
)

_REPETITIONS_OF_TOKENS = 15.387756
_REPETITIONS_OF_PARAMETERS = 5.309743
_GRID = 240
_GOLDEN = (math.sqrt(5) - 1) / 2


def _worth(unique: Count, seen: Count, constant: float) -> Count:
    repeats = seen / unique - 1
    return unique * (1 + constant * (1 - exponential(-repeats / constant)))


def effective_tokens(tokens: Count, unique_tokens: Count) -> Count:
    """Fresh tokens that D tokens out of U are worth: U (1 + R* (1 - exp(-(D/U - 1) / R*))).

    R* = 15.39: four epochs are worth 3.73 U, sixteen 10.58 U, endless ones 16.39 U.
    """
    return _worth(minimum(tokens, unique_tokens), tokens, _REPETITIONS_OF_TOKENS)


def effective_parameters(parameters: Count, unique_tokens: Count) -> Count:
    """Parameters that N are worth on U unique tokens; those beyond U's optimum are worth less.

    The same form with R* = 5.31 over the size for which U is the compute-optimal number.
    """
    enough = compute_optimal_parameters_for(unique_tokens, MUENNIGHOFF)
    return _worth(minimum(parameters, enough), parameters, _REPETITIONS_OF_PARAMETERS)


def loss_on_repeated_data(parameters: Count, tokens: Count, unique_tokens: Count) -> Count:
    """Loss of N parameters that see D tokens out of U, in nats a token of C4.

    Example: 33.7e9 fresh tokens are worth as much as the 9.04e9 of OpenWebText seen four times.
    """
    fresh = minimum(tokens, unique_tokens)
    return predicted_loss(
        effective_parameters(parameters, fresh),
        effective_tokens(tokens, unique_tokens),
        MUENNIGHOFF,
    )


def optimal_parameters_on_repeated_data(flops: float, unique_tokens: float) -> float:
    """Parameters N that make the best of C = 6 N D FLOPs when only U tokens are unique.

    Scalars only: the loss is searched along N, first on a grid and then by golden section. With
    enough data it is the optimum of the fit; with less, epochs grow before the model does (their
    section 5).
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
    """Golden section: where a function of one valley is lowest, to a millionth."""
    while high - low > 1e-6:  # noqa: PLR2004 - of a logarithm
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return (low + high) / 2
