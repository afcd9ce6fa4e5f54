"""Optimal model size and tokens for an amount of compute, by each scaling law."""

from collections.abc import Iterator
from typing import NamedTuple

from gptbudget.core.arrays import real
from gptbudget.core.chinchilla import (
    BESIROGLU,
    HOFFMANN,
    MUENNIGHOFF,
    ChinchillaLaw,
    compute_optimal_parameters,
    predicted_loss,
)
from gptbudget.core.scaling_laws import (
    APPROACH_1,
    APPROACH_2,
    TOKENS_PER_PARAMETER,
    deepseek_model_flops,
    deepseek_tokens,
    kaplan_parameters,
    loss_on_repeated_data,
    optimal_parameters_on_repeated_data,
    parameters_at_fixed_ratio,
    parameters_for_inference,
)
from gptbudget.errors import UsageError

FOLLOWED = "besiroglu"
"""The law that the optimum is taken from."""

_SMALLEST_MODEL = 1e6


class Allocation(NamedTuple):
    """The optimal model size and number of tokens according to one law."""

    law: str
    name: str
    parameters: float
    tokens: float
    loss: float | None
    """Predicted by the law itself, in nats per token of its corpus; ``None`` if it does not."""
    source: str
    note: str = ""

    @property
    def replication_loss(self) -> float:
        """Loss predicted by the law in ``FOLLOWED``, so that allocations can be compared."""
        return float(predicted_loss(self.parameters, self.tokens))


def optimum(flops: float) -> Allocation:
    """The compute-optimal model by the replicated Chinchilla fit.

    Raises:
        UsageError: the budget is too small for any law.
    """
    best = _by_fit(FOLLOWED, BESIROGLU, flops)
    if best.parameters < _SMALLEST_MODEL:
        raise UsageError(
            f"{flops:.3g} FLOP are too few for any scaling law: the best model would have "
            f"{best.parameters:.3g} parameters",
            "give a larger budget, for example --flops 1e18",
        )
    return best


def allocations(
    flops: float, unique_tokens: float | None = None, inference_tokens: float | None = None
) -> list[Allocation]:
    """Every law at the same budget, the followed one first.

    Some need to know how much text there is, or how many tokens the model will be used for.
    """
    laws = [optimum(flops), *_others(flops)]
    if unique_tokens is not None:
        laws.append(_on_repeated_data(flops, unique_tokens))
    if inference_tokens is not None:
        laws.append(_for_inference(flops, inference_tokens))
    return laws


def _by_fit(law: str, fit: ChinchillaLaw, flops: float) -> Allocation:
    parameters = real(compute_optimal_parameters(flops, fit))
    tokens = flops / (6 * parameters)
    loss = real(predicted_loss(parameters, tokens, fit))
    return Allocation(law, fit.name, parameters, tokens, loss, fit.source)


def _by_size(
    law: str, name: str, parameters: float, flops: float, source: str, note: str = ""
) -> Allocation:
    """A law that gives a size; the rest of the budget are tokens, and it predicts no loss."""
    return Allocation(law, name, parameters, flops / (6 * parameters), None, source, note)


def _others(flops: float) -> Iterator[Allocation]:
    for law, size in (("chinchilla-1", APPROACH_1), ("chinchilla-2", APPROACH_2)):
        yield _by_size(law, size.name, float(size.parameters(flops)), flops, size.source)
    yield _by_fit("chinchilla-3", HOFFMANN, flops)
    yield _by_size(
        "20-tokens",
        f"{TOKENS_PER_PARAMETER} tokens a parameter",
        float(parameters_at_fixed_ratio(flops, TOKENS_PER_PARAMETER)),
        flops,
        "https://arxiv.org/abs/2203.15556, what Table 3 comes down to",
    )
    yield _by_size(
        "kaplan",
        "Kaplan et al. 2020",
        float(kaplan_parameters(flops)),
        flops,
        "https://arxiv.org/abs/2001.08361, Table 6",
        "parameters without embeddings; too large models, as learning rates did not decay",
    )
    yield Allocation(
        "deepseek",
        "DeepSeek LLM 2024",
        float(deepseek_model_flops(flops)) / 6,
        float(deepseek_tokens(flops)),
        None,
        "https://arxiv.org/abs/2401.02954, equation 4",
        "parameters are FLOPs per token over 6, without embeddings and with attention",
    )


def _on_repeated_data(flops: float, unique_tokens: float) -> Allocation:
    parameters = optimal_parameters_on_repeated_data(flops, unique_tokens)
    tokens = flops / (6 * parameters)
    loss = float(loss_on_repeated_data(parameters, tokens, unique_tokens))
    name = f"{MUENNIGHOFF.name}, repeated data"
    return Allocation("data-constrained", name, parameters, tokens, loss, MUENNIGHOFF.source)


def _for_inference(flops: float, inference_tokens: float) -> Allocation:
    parameters = parameters_for_inference(flops, inference_tokens)
    if parameters < _SMALLEST_MODEL:
        raise UsageError(
            f"--inference-tokens {inference_tokens:.3g} is so much that no model is small enough "
            "for it",
            "give less, or a larger budget",
        )
    tokens = flops / (6 * parameters)
    loss = float(predicted_loss(parameters, tokens))
    name, source = "Sardana et al. 2024, with inference", "https://arxiv.org/abs/2401.00448"
    return Allocation("inference-adjusted", name, parameters, tokens, loss, source)
