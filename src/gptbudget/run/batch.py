"""How much is trained, and in what: tokens, sequences, micro-batches and the batch of a step."""

from typing import NamedTuple

from gptbudget.core.chinchilla import compute_optimal_tokens
from gptbudget.core.parameters import count_parameters
from gptbudget.errors import UsageError
from gptbudget.run.origins import Resolver
from gptbudget.run.run import BareSize, NamedModel
from gptbudget.specs.model import ModelSpec
from gptbudget.units import PerParameter, format_count

GLOBAL_BATCH_TOKENS = 524_288
"""Default tokens per step, if neither the user nor the catalog gives them."""

_USUAL_SEQ_LEN = 8192
BYTES_PER_TOKEN = 96e9 / 2.29e10
"""English text in GPT-2's vocabulary: WebText2's 96 GB are 2.29e10 tokens (Kaplan et al. 2020,
arXiv 2001.08361, section 2.3)."""


def tokens_of(resolver: Resolver, work: NamedModel | BareSize) -> tuple[float, tuple[str, ...]]:
    """Return the number of training tokens, and notes on assumptions."""
    if isinstance(work, NamedModel):
        parameters: float = count_parameters(work.spec).active
        published, experts = work.spec.training_tokens, work.spec.experts
    else:
        parameters, published, experts = work.parameters, None, None
    notes: tuple[str, ...] = ()
    epochs = resolver.options.epochs or 1.0
    if resolver.options.data is not None:
        tokens = resolver.derived("tokens", resolver.options.data / BYTES_PER_TOKEN, "data")
        notes = (
            f"--data: {BYTES_PER_TOKEN:.2f} bytes of English text a token, as in WebText2 "
            "with GPT-2's vocabulary (Kaplan et al. 2020, section 2.3)",
        )
    else:
        wanted = resolver.value("tokens", compute_optimal_tokens(parameters), catalog=published)
        if isinstance(wanted, PerParameter):
            wanted = resolver.derived("tokens", wanted.tokens_per_parameter * parameters, "tokens")
        tokens = wanted
        if resolver.chosen_origins["tokens"] == "default":
            of = "active parameters (a law of dense models)" if experts else "size"
            notes = (
                f"{format_count(tokens)} tokens are the compute-optimal number for this {of} "
                "(Besiroglu et al. 2024); no published count is in the catalog",
            )
    if epochs != 1:
        resolver.derived("epochs", epochs, "epochs")
        tokens *= epochs
        resolver.chosen["tokens"] = tokens
    return tokens, notes


class Batch(NamedTuple):
    """Sequence length, micro-batch and global batch of a step."""

    seq_len: int
    micro_batch: int
    global_batch_tokens: int
    notes: tuple[str, ...] = ()


def batch_of(resolver: Resolver, model: ModelSpec, replicas: int) -> Batch:
    """Sequence length, micro-batch and whole micro-batches a step."""
    seq_len = resolver.value("seq_len", model.context, catalog=model.default_seq_len)
    refuse_beyond_positions(model, seq_len)
    micro_batch = resolver.value("micro_batch", 1)
    smallest = micro_batch * seq_len * replicas
    wanted = resolver.value(
        "global_batch_tokens", GLOBAL_BATCH_TOKENS, catalog=model.global_batch_tokens
    )
    if resolver.options.global_batch_tokens is not None and wanted < smallest:
        raise UsageError(
            f"--global-batch-tokens {wanted} is less than one micro-batch on each "
            f"replica ({micro_batch} x {seq_len} x {replicas} = {smallest} tokens)",
            "raise it, or lower --micro-batch",
        )
    whole = max(1, round(wanted / smallest)) * smallest
    resolver.chosen["global_batch_tokens"] = whole
    rounded = (f"a step of {wanted} tokens is rounded to whole micro-batches: {whole} tokens",)
    notes = rounded if resolver.options.global_batch_tokens not in (None, whole) else ()
    return Batch(seq_len, micro_batch, whole, (*notes, *_length_notes(resolver, model, seq_len)))


def _length_notes(resolver: Resolver, model: ModelSpec, seq_len: int) -> tuple[str, ...]:
    """A note if the sequence length is the model's maximum, probably longer than in training."""
    assumed = resolver.options.seq_len is None and model.training_seq_len is None
    if not assumed or seq_len <= _USUAL_SEQ_LEN:
        return ()
    return (
        f"{seq_len:,} tokens are the longest sequence of {model.name}; training usually runs "
        "shorter ones, which take far less time and memory: give --seq-len",
    )


def refuse_beyond_positions(model: ModelSpec, seq_len: int) -> None:
    """Refuse sequences longer than the model's learned position embeddings."""
    if model.positions.kind == "learned" and seq_len > model.context:
        raise UsageError(
            f"--seq-len {seq_len} is more than the {model.context} positions of {model.name}",
            f"give at most {model.context}",
        )
