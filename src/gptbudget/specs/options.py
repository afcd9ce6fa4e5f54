"""What a user can ask for: one word each, the same as flag, scenario key and argument.

Every field is optional; what is not given is filled in by :mod:`gptbudget.run.complete`.
Quantities are accepted as text (``10B``, ``1y``, ``90%``) or as plain numbers.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from gptbudget import units
from gptbudget.specs.base import Spec, Text, one_of
from gptbudget.specs.gpu import Precision
from gptbudget.specs.layout import Zero
from gptbudget.specs.optimizers import OPTIMIZERS, OptimizerImpl
from gptbudget.specs.recipe import (
    Checkpointing,
    LoraPrecision,
    LoraTargets,
    LossKind,
    Offload,
    RecipeKind,
)
from gptbudget.specs.stack import AttentionKind

FlopsConvention = Literal[
    "exact",
    "causal",
    "6nd",
    "6nd-no-embedding",
    "palm",
    "megatron",
    "megatron-hardware",
    "chinchilla",
    "llmc",
]
Convention = Literal["6nd", "exact"]


def _many(raw: Any) -> Any:
    """One name, or several."""
    return tuple(raw) if isinstance(raw, tuple | list) else (raw,)


def _share(raw: object) -> float:
    """A share that may be zero, such as a dropout rate."""
    if isinstance(raw, int | float | str) and not isinstance(raw, bool):
        text = str(raw).strip().removesuffix("%")
        if text.replace(".", "", 1).strip("0") == "" and text.replace(".", "", 1):
            return 0.0
    return units.parse_fraction(raw)


def _bytes_or_none(raw: object) -> float:
    """An amount of memory that may be zero."""
    if isinstance(raw, int | float | str) and str(raw).strip() in {"0", "0.0"}:
        return 0.0
    return units.parse_bytes(raw)


def _amount_or_zero(raw: object) -> float:
    """An amount of money that may be nothing."""
    if isinstance(raw, int | float | str) and str(raw).strip() in {"0", "0.0"}:
        return 0.0
    try:
        return units.parse_amount(raw)
    except ValueError:
        msg = f"{units.quoted(raw)} is not an amount of money: write a number, 0 or more"
        raise ValueError(msg) from None


def _factor(raw: object) -> float:
    """A factor of at least one, such as a power usage effectiveness."""
    value = units.parse_amount(raw)
    if value < 1:
        msg = f"{units.quoted(raw)} is less than one: write for example 1.1"
        raise ValueError(msg)
    return value


def _method(raw: object) -> str:
    """``full``, ``lora``, ``qlora``, or ``frozen:K`` for the first K blocks."""
    text = str(raw)
    kind, colon, layers = text.partition(":")
    if text in {"full", "lora", "qlora"} or (kind == "frozen" and colon and layers.isdecimal()):
        return text
    shown = units.quoted(raw)
    msg = f"{shown} is not a method: write full, lora, qlora, or frozen:8 for the first 8 blocks"
    raise ValueError(msg)


def _zero(raw: object) -> int:
    """A ZeRO stage: 0, 1, 2 or 3."""
    text = str(raw).strip()
    if text in {"0", "1", "2", "3"}:
        return int(text)
    msg = f"{units.quoted(raw)} is not a ZeRO stage: write 0, 1, 2 or 3 (FSDP is 3)"
    raise ValueError(msg)


def _optimizer(raw: object) -> str:
    """An optimizer of the table."""
    return one_of(OPTIMIZERS, raw)


def _stack(raw: Any, info: ValidationInfo) -> Any:
    """A stack, of those whose names the context of the validation gives."""
    names = (info.context or {}).get("stacks")
    return raw if names is None else one_of(names(), raw)


ZeroStage = Annotated[Zero, BeforeValidator(_zero)]
StackName = Annotated[str, BeforeValidator(_stack)]
OptimizerName = Annotated[str, BeforeValidator(_optimizer)]
MethodText = Annotated[str, BeforeValidator(_method)]
Names = Annotated[tuple[Text, ...], BeforeValidator(_many), Field(min_length=1)]
Amount = Annotated[float, BeforeValidator(units.parse_amount)]
CountAmount = Annotated[float, BeforeValidator(units.parse_count)]
Whole = Annotated[int, BeforeValidator(units.parse_whole)]
Length = Annotated[int, BeforeValidator(units.parse_length)]
ByteAmount = Annotated[float, BeforeValidator(units.parse_bytes)]
Duration = Annotated[float, BeforeValidator(units.parse_duration)]
Share = Annotated[float, BeforeValidator(units.parse_fraction)]
Dropout = Annotated[float, BeforeValidator(_share), Field(ge=0, lt=1)]
Tokens = Annotated[float | units.PerParameter, BeforeValidator(units.parse_tokens)]


RECIPE_OPTIONS = (
    "recipe",
    "optimizer",
    "optimizer_impl",
    "attention",
    "checkpointing",
    "loss",
    "dropout",
    "keep_logits",
    "offload",
)
"""How a step is computed, beside its precision."""

LAYOUT_OPTIONS = ("dp", "tp", "pp", "vp", "cp", "ep", "zero", "sequence_parallel", "dp_shard")
"""How a run is spread over several GPUs."""

ADAPTER_OPTIONS = ("lora_rank", "lora_targets", "lora_precision", "lora_dropout", "double_quant")


class Options(Spec):
    """The options of a question, as given."""

    gpu: Names | None = None
    gpus: Whole | None = None
    gpu_memory: ByteAmount | None = None
    reserve: Annotated[float, BeforeValidator(_bytes_or_none)] | None = None
    host_memory: ByteAmount | None = None
    gpus_per_node: Whole | None = None
    network: Amount | None = None

    model: Names | None = None
    tokens: Tokens | None = None
    data: ByteAmount | None = None
    flops: CountAmount | None = None
    time: Duration | None = None
    epochs: Amount | None = None
    seq_len: Length | None = None
    micro_batch: Whole | None = None
    global_batch_tokens: Whole | None = None

    precision: Precision | None = None
    recipe: RecipeKind | None = None
    optimizer: OptimizerName | None = None
    optimizer_impl: OptimizerImpl | None = None
    attention: AttentionKind | None = None
    checkpointing: Checkpointing | None = None
    loss: LossKind | None = None
    dropout: Dropout | None = None
    keep_logits: bool | None = None
    offload: Offload | None = None

    method: MethodText | None = None
    lora_rank: Whole | None = None
    lora_targets: LoraTargets | None = None
    lora_precision: LoraPrecision | None = None
    lora_dropout: Dropout | None = None
    double_quant: bool | None = None

    dp: Whole | None = None
    tp: Whole | None = None
    pp: Whole | None = None
    vp: Whole | None = None
    cp: Whole | None = None
    ep: Whole | None = None
    zero: ZeroStage | None = None
    sequence_parallel: bool | None = None
    dp_shard: Whole | None = None

    utilization: Share | None = None
    goodput: Share | None = None
    stack: StackName | None = None
    no_profile: bool | None = None
    convention: FlopsConvention | None = None
    price: Annotated[float, BeforeValidator(_amount_or_zero)] | None = None
    kwh_price: Annotated[float, BeforeValidator(_amount_or_zero)] | None = None
    power: Amount | None = None
    pue: Annotated[float, BeforeValidator(_factor)] | None = None
    grid: Text | None = None


Minimize = Literal["time", "cost", "memory", "gpus", "energy"]
