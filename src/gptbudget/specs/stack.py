"""Memory and speed of software stacks, composed of measured parts of a block.

A block is a norm and attention, a norm and a feed-forward network. Each part was measured in
its implementations; a stack says which implementation it uses for which concept, so that the rules
depend on the kind of block, never on the model's name.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from gptbudget.specs.layout import Zero

Split = Literal["blocks", "ends", "cost"]
"""Pipeline stages have as many blocks each; embedding and head count as blocks where blocks
do not divide (Megatron-LM, ``--account-for-embedding-in-pipeline-split``); or they have as many
parameters each, the head counted (nanotron)."""

Mode = Literal["autocast", "pure", "fp32"]
"""16-bit compute on fp32 weights, 16-bit tensors throughout, or fp32 throughout."""

AttentionKind = Literal["flash", "efficient", "math", "eager"]

Unit = Literal[
    "width",
    "query",
    "kv",
    "ffn",
    "vocabulary",
    "logit_chunk",
    "head",
    "kv_head",
    "token",
    "score",
    "pair",
]
"""What bytes are counted for (b micro-batch, s sequence length): b s times the model width,
the channels of all query heads, of all key heads, the feed-forward width, the vocabulary, the
number of query or of key heads; b s alone; b s^2 times the query heads; s^2 alone. A chunk of
logits is that of 128 tokens of each sequence: b 128 V."""

Tensors = dict[Unit, float]
"""Bytes of a set of tensors, by unit."""

ByMode = dict[Mode, float]
"""Bytes per channel of one named tensor, in each mode."""

TensorsByMode = dict[Mode, Tensors]
"""A set of tensors in each mode; an absent mode was not measured."""

TensorsByAttention = dict[AttentionKind, TensorsByMode]

DefaultFor = Literal["node", "nodes", "cut"]
"""Layouts that a stack is the default for: one GPU or node, across nodes, and matrices or layers
cut by tensor or pipeline parallelism."""

_OWN = frozenset({"default_for", "compared_at_home", "measured_as", "program_flags"})
"""Fields that a stack does not inherit through ``like``."""


class Speed(NamedTuple):
    """Constants of one stack, from the ``speed`` of ``stacks.yaml``."""

    elementwise: float
    """Memory traffic outside matmuls, relative to well-fused kernels."""
    overlap: float
    """Share of communication that can run beside computation."""
    logit_bytes: float
    """Traffic of the loss for each logit."""
    score_bytes: float
    """Bytes moved per attention score without a fused kernel."""
    host_s: float
    """Seconds the host needs to launch one layer of one micro-batch; 0 if that never limits."""
    hopper_attention: bool
    """Attention kernels made for Hopper (cuDNN, FlashAttention-3)."""
    adapter_traffic: float
    """Traffic of adapters in units of the channels they read and write."""
    evidence: str
    """How each was obtained, and the runs it is based on."""
    cast_elements: float = 10
    """Elements for each channel that casts to 8 bit move."""
    host_update_s: float = 0.71e-9
    """What the host needs to update one parameter that an offload keeps there, all its ranks
    together; 0 where the card updates it."""
    attention_rate: float = 1
    """Attention rate of this stack / usual FlashAttention rate."""
    exchange_s: float = 0
    """Seconds lost per exchange between pipeline stages, in addition to transfer time."""
    hides_messages: bool = False
    """Messages of interleaved stages pass beside computation, as much of them as ``overlap``."""
    pipeline_overlap: float | None = None
    """``overlap`` for data-parallel communication in a pipeline; ``None``: same as ``overlap``."""


class NormMemory(NamedTuple):
    """Bytes a norm saves per token and model channel."""

    input: ByMode
    normalized: ByMode
    """Additionally saved if its weight is trained."""
    token: float
    """Statistics, per token."""
    differentiated: ByMode
    """Bytes alive in its backward pass, including its gradient and that of the residual stream."""
    source: str
    unit_offset: ByMode | None = None
    """Kept besides when the weight is stored as its distance from one."""


class FeedForwardMemory(NamedTuple):
    """What a feed-forward network keeps, per channel of its width and token."""

    saved: ByMode
    frozen: ByMode
    """Kept when its weights are frozen, but gradients pass through."""
    differentiated: TensorsByMode
    """Temporary memory in the backward pass of the block."""
    source: str


class LossMemory(NamedTuple):
    """What logits and loss need, beside the final norm."""

    saved: TensorsByMode
    forward_temporary: TensorsByMode
    """Alive with all that is kept while the loss is computed."""
    backward_temporary: TensorsByMode
    """Alive with all that is kept while the loss is differentiated."""
    source: str
    logit_bytes: ByMode = {"autocast": 2, "pure": 2, "fp32": 4}  # noqa: RUF012 - never changed
    """Bytes per logit if the training loop keeps the logits."""
    fragmentation: float = 0
    """Bytes per logit lost to fragmentation: the last gradient does not fit into any freed block,
    because those were split or are too small."""
    table_gradients: int = 0
    """Number of gradients of the head alive in the chunked backward pass."""


class Parts(NamedTuple):
    """The measured implementations of each concept, by name."""

    norms: dict[str, NormMemory]
    attention: TensorsByAttention
    """What attention keeps: queries, keys, values, its output, and what its kernel needs."""
    attention_differentiated: TensorsByAttention
    """Alive while attention that materializes its scores is differentiated."""
    attention_variants: dict[str, TensorsByAttention]
    """Saved tensors for other memory layouts of queries, keys and values, by name."""
    qk_norm: TensorsByMode
    """Kept by norms on queries and keys."""
    dropout: Tensors
    """Kept by the dropout behind attention and network."""
    attention_dropout: TensorsByAttention
    """Kept by the dropout on materialized probabilities."""
    feed_forward: dict[str, FeedForwardMemory]
    losses: dict[str, LossMemory]


class Stack(NamedTuple):
    """A named implementation: which part it uses for each concept, and what was measured.

    A kind of block is its norm and its feed-forward network: ``layernorm+plain``.
    """

    title: str
    layernorm: str
    rmsnorm: str
    plain: str
    """The ungated feed-forward network."""
    gated: str
    loss: str
    fused_qkv: tuple[str, ...]
    """Kinds of block whose queries, keys and values are one product: their input is cast once."""
    evidence: str
    """Evidence for the figures of block kinds whose whole step was not measured."""
    speed: Speed
    multihead: str | None = None
    """Attention variant (memory layout) for multi-head attention."""
    grouped: str | None = None
    """Attention variant for grouped-query attention."""
    chunked: str = "chunked"
    """The loss that ``--loss chunked`` stands for."""
    selective: Tensors | None = None
    """What selective checkpointing keeps; ``None``: everything but scores."""
    shares_casts: bool = False
    """Under autocast an activation is cast once for all products that read it."""
    quantizes_head: bool = False
    """QLoRA keeps the head in 4 bit too."""
    keeps_quantized_inputs: bool = False
    """4-bit products keep their inputs though their weights are frozen."""
    copies_attention_output: float = 0
    """Bytes per channel of the copy that the output projection makes of attention's output."""
    spread_adapters: Tensors = {}  # noqa: RUF012 - never changed
    """Additionally saved if adapters of only some of Q, K and V are expanded to the fused QKV
    output."""
    unties_head: bool = False
    """Whether the head is stored separately even for tied models."""
    holds_inputs: bool = False
    """Whether inputs saved by 4-bit matmuls stay alive until the next loss."""
    unpacked_bytes: float = 2
    """Bytes per dequantized 4-bit weight."""
    gathers_gradients: bool = False
    """While micro-batches are accumulated FSDP keeps gradients whole."""
    split: Split = "blocks"
    interleaves_from: int | None = 2
    """Pipeline stages from which their chunks can be interleaved; ``None``: they never are."""
    attention: AttentionKind | None = None
    """The attention of this stack, where it is not the best that card and precision have."""
    fp32_softmax: tuple[str, ...] = ()
    """Kinds of block that compute materialized probabilities in fp32 and copy them to 16 bit."""
    composed: str | None = None
    """The ungated network where the model's activation is written out; ``None``: never is."""
    passes_mask: bool = False
    """A mask for each sequence is an input of every block."""
    registers_mask: bool = False
    """Each layer registers a causal mask over the whole context for eager attention."""
    keeps_gradients: bool = False
    """Gradients have a buffer that is never freed, and is reduced in place."""
    frees_outputs: bool = False
    """A pipeline stage frees its output once it is sent."""
    copies_fp16_gradients: bool = False
    """In fp16 gradients are summed in 16 bit, and copied to fp32 for the masters."""
    master_gradient_bytes: float = 2
    """Bytes of a gradient in the ``master`` recipe."""
    keeps_masters: bool = False
    """It keeps 16-bit weights and fp32 masters, by default."""
    default_zero: Zero = 3
    """Default ZeRO stage with data parallelism only; 3 is FSDP."""
    dense_only: bool = False
    """It trains dense models, and all weights."""
    default_for: tuple[DefaultFor, ...] = ()
    compared_at_home: bool = False
    """Whether it is listed for comparison on a single consumer GPU."""
    measured_as: tuple[str, ...] = ()
    """Its names in the tables of measured steps."""
    program_flags: Mapping[str, Mapping[str, Any]] = {}
    """What it adds to the flags of programs that run it."""
    measured: tuple[str, ...] = ()
    """Kinds of block whose training step was measured whole."""


class Stacks(NamedTuple):
    """All parts and stacks."""

    parts: Parts
    stacks: dict[str, Stack]
    defaults: Mapping[DefaultFor, str]

    def named(self, name: str | None, otherwise: DefaultFor) -> Stack:
        """The stack of a name, or the default for such layouts."""
        return self.stacks[name or self.defaults[otherwise]]


def stacks_from(data: Mapping[str, Any]) -> Stacks:
    """Parts and stacks of the package's own data file; unknown and missing keys are errors."""
    parts = data["parts"]
    named = {"norms": NormMemory, "feed_forward": FeedForwardMemory, "losses": LossMemory}
    built = {
        concept: {name: kind(**fields) for name, fields in parts[concept].items()}
        for concept, kind in named.items()
    }
    fields = {name: _like(data["stacks"], name) for name in data["stacks"]}
    speeds = {name: of["speed"] for name, of in fields.items()}
    stacks = {
        name: Stack(**{**of, "speed": Speed(**_like(speeds, name))}) for name, of in fields.items()
    }
    defaults = {case: name for name, stack in stacks.items() for case in stack.default_for}
    return Stacks(Parts(**{**parts, **built}), stacks, defaults)


def _like(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the fields of one entry, merged over those of the entry named by ``like``."""
    own = dict(given[name])
    base = own.pop("like", None)
    taken = _like(given, base) if base else {}
    return {**{key: value for key, value in taken.items() if key not in _OWN}, **own}
