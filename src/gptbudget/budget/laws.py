"""What each scaling law makes of an amount of compute."""

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
    SizeLaw,
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
    """A model size and a number of tokens, and the law that says so."""

    law: str
    name: str
    parameters: float
    tokens: float
    loss: float | None
    """By the law's own fit, in nats a token of its corpus; ``None`` where it has none."""
    source: str
    note: str = ""

    @property
    def replication_loss(self) -> float:
        """Loss of the same model by the fit that is followed, so that laws can be compared."""
        return float(predicted_loss(self.parameters, self.tokens))


class Data(NamedTuple):
    """What else a law may look at."""

    unique_tokens: float | None = None
    inference_tokens: float | None = None


def optimum(flops: float) -> Allocation:
    """The compute-optimal model by the replicated Chinchilla fit.

    Raises:
        UsageError: so little compute that no law says anything.
    """
    found = _by_fit(FOLLOWED, BESIROGLU, flops)
    if found.parameters < _SMALLEST_MODEL:
        raise UsageError(
            f"{flops:.3g} FLOP are too few for any scaling law: the best model would have "
            f"{found.parameters:.3g} parameters",
            "give a larger budget, for example --flops 1e18",
        )
    return found


def allocations(flops: float, data: Data) -> list[Allocation]:
    """Every law at the same budget, the followed one first."""
    return [optimum(flops), *_others(flops), *_with_data(flops, data)]


def _by_fit(law: str, fit: ChinchillaLaw, flops: float) -> Allocation:
    parameters = real(compute_optimal_parameters(flops, fit))
    tokens = flops / (6 * parameters)
    loss = real(predicted_loss(parameters, tokens, fit))
    return Allocation(law, fit.name, parameters, tokens, loss, fit.source)


def _by_size(law: str, size: SizeLaw, flops: float) -> Allocation:
    parameters = float(size.parameters(flops))
    return Allocation(law, size.name, parameters, flops / (6 * parameters), None, size.source)


def _others(flops: float) -> Iterator[Allocation]:
    yield _by_size("chinchilla-1", APPROACH_1, flops)
    yield _by_size("chinchilla-2", APPROACH_2, flops)
    yield _by_fit("chinchilla-3", HOFFMANN, flops)
    twenty = float(parameters_at_fixed_ratio(flops, TOKENS_PER_PARAMETER))
    yield Allocation(
        "20-tokens",
        f"{TOKENS_PER_PARAMETER} tokens a parameter",
        twenty,
        flops / (6 * twenty),
        None,
        "https://arxiv.org/abs/2203.15556, what Table 3 comes down to",
    )
    kaplan = float(kaplan_parameters(flops))
    yield Allocation(
        "kaplan",
        "Kaplan et al. 2020",
        kaplan,
        flops / (6 * kaplan),
        None,
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


def _with_data(flops: float, data: Data) -> Iterator[Allocation]:
    """Laws that need to know how much text there is, or how long the model will be used."""
    unique, use = data.unique_tokens, data.inference_tokens
    if unique is not None:
        parameters = optimal_parameters_on_repeated_data(flops, unique)
        tokens = flops / (6 * parameters)
        loss = float(loss_on_repeated_data(parameters, tokens, unique))
        yield Allocation(
            "data-constrained",
            f"{MUENNIGHOFF.name}, repeated data",
            parameters,
            tokens,
            loss,
            MUENNIGHOFF.source,
        )
    if use is not None:
        parameters = parameters_for_inference(flops, use)
        if parameters < _SMALLEST_MODEL:
            raise UsageError(
                f"--inference-tokens {use:.3g} is so much that no model is small enough for it",
                "give less, or a larger budget",
            )
        tokens = flops / (6 * parameters)
        yield Allocation(
            "inference-adjusted",
            "Sardana et al. 2024, with inference",
            parameters,
            tokens,
            float(predicted_loss(parameters, tokens)),
            "https://arxiv.org/abs/2401.00448",
        )
