"""The table of options. The same name is used as flag, scenario key and Python argument.

A field of :class:`Options` is the whole of an option: what it may be, its help, its default in
words, and what it has an effect on. Help, scenario keys, completions, what is listed as assumed,
which options define the same run and what needs a model with a shape are read from here. Every
field is optional; :mod:`gptbudget.run.complete` fills in what is not given.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_args

from gptbudget import units
from gptbudget.errors import nearest_hint
from gptbudget.specs import values
from gptbudget.specs.layout import Zero
from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS, OptimizerImpl
from gptbudget.specs.recipe import (
    Checkpointing,
    LoraPrecision,
    LoraTargets,
    LossKind,
    Offload,
    Precision,
    RecipeKind,
)
from gptbudget.specs.stack import AttentionKind
from gptbudget.specs.values import FlopsConvention, StackName
from gptbudget.units import PerParameter

Group = Literal[
    "Hardware", "Job", "Recipe", "Method", "Layout", "Assumptions", "Search and plan", "Measured"
]
"""Options that stand together in help."""

Effect = Literal["step", "memory", "host", "time", "compute", "cost"]
"""What an option changes.

``step``: the training step, and so its memory and time. ``memory``: what a GPU has, or what the
software keeps on it. ``host``: memory of the host, which only an offload uses. ``time``: seconds
alone. ``compute``: FLOPs needed or delivered. ``cost``: money and energy.
"""


class Option(NamedTuple):
    """Metadata of an option."""

    group: Group
    read: Callable[[Any], Any]
    """Takes what was typed and gives the value; raises ``ValueError`` as in :mod:`values`."""
    help: str
    takes: str = ""
    """Metavar: what the user types after the flag. Choices are separated by ``|``; a ``Literal``
    type gives its own."""
    default: str = ""
    """In words."""
    affects: tuple[Effect, ...] = ()
    unit: str = ""
    """Unit suffix in printed command lines."""
    also: str = ""
    """Names in other programs, separated by spaces; if a user types one, the error suggests our
    name."""
    in_headline: bool = False
    """Whether the answer shows it elsewhere; it is then not listed under "assumed"."""
    is_switch: bool = False
    """Whether it is on or off, which its type says."""


_STEP: tuple[Effect, ...] = ("step",)
_hardware = partial(Option, "Hardware", in_headline=True)
_job = partial(Option, "Job", affects=_STEP, in_headline=True)
_recipe = partial(Option, "Recipe", affects=_STEP)
_method = partial(Option, "Method", affects=_STEP)
_layout = partial(Option, "Layout", affects=_STEP)
_assumption = partial(Option, "Assumptions")


def _choices(annotation: Any) -> str:
    """The words of the ``Literal`` in an annotation such as ``Precision | None``."""
    return "|".join(str(word) for each in get_args(annotation) for word in get_args(each))


class OptionValues:
    """Values of options by name, each ``None`` where it was not given; never changed."""

    table: ClassVar[Mapping[str, Option]] = MappingProxyType({})
    """The options of a class by name, in its order; choices of a type in words."""

    def __init_subclass__(cls) -> None:
        own = {
            name: each.__metadata__[0]._replace(
                takes=each.__metadata__[0].takes or _choices(each.__origin__),
                is_switch=bool in get_args(each.__origin__),
            )
            for name, each in cls.__annotations__.items()
        }
        cls.table = MappingProxyType({**cls.table, **own})

    def __init__(self, **given: Any) -> None:
        unknown = given.keys() - self.table.keys()
        if unknown:
            raise TypeError(f"no options of {type(self).__name__}: {', '.join(sorted(unknown))}")
        self.__dict__.update({name: value for name, value in given.items() if value is not None})

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot set {name} of {type(self).__name__}")

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"{type(self).__name__}({given})"

    @property
    def given(self) -> Mapping[str, Any]:
        """What was given, by name."""
        return MappingProxyType(self.__dict__)

    def changed(self, **given: Any) -> Self:
        """Return a copy with other values; ``None`` removes an option."""
        return type(self)(**{**self.given, **given})


class Options(OptionValues):
    """The options of a question, as given."""

    # fmt: off

    gpu: Annotated[tuple[str, ...] | None, _hardware(
        values.names,
        "Accelerator of the catalog; repeatable; all tries every one, auto takes the cards of "
        "this machine.", "NAME", affects=("memory", "time", "compute", "cost"),
        also="device accelerator gpu_type")] = None
    gpus: Annotated[int | None, _hardware(
        units.parse_whole, "Number of GPUs.", "N", "1, or what the layout needs",
        affects=("step", "compute", "cost"),
        also="num_gpus n_gpus gpu_count world_size nproc_per_node")] = None
    gpus_per_node: Annotated[int | None, _hardware(
        units.parse_whole, "GPUs per host, which share its memory and its links.", "N", "8",
        affects=("memory", "time"), also="n_gpus_per_node devices_per_node",
        in_headline=False)] = None
    network: Annotated[float | None, _hardware(
        units.parse_amount, "Network bandwidth per GPU to other nodes, in GB/s per direction.",
        "GB/S", "25 up to A100, 50 from H100, 10 without a fast link", affects=("time",),
        also="bandwidth interconnect", in_headline=False)] = None
    gpu_memory: Annotated[float | None, _hardware(
        units.parse_bytes, "Memory per GPU, in place of that of the catalog.", "SIZE", "catalog",
        affects=("memory",), unit="B", also="vram memory")] = None
    reserve: Annotated[float | None, _hardware(
        values.bytes_or_none, "Memory to leave free, for a desktop say.", "SIZE", "0",
        affects=("memory",), unit="B")] = None
    host_memory: Annotated[float | None, _hardware(
        units.parse_bytes, "Memory of the host, which an offload must fit into.", "SIZE",
        "unlimited", affects=("host",), unit="B", also="ram cpu_memory")] = None
    reserve_host: Annotated[float | None, _hardware(
        values.bytes_or_none, "Part of --host-memory that other programs use.", "SIZE", "0",
        affects=("host",), unit="B")] = None

    model: Annotated[tuple[str, ...] | None, _job(
        values.names,
        "Model of the catalog, a Hugging Face config.json or its folder, or a bare size such "
        "as 1.5B; repeatable.", "NAME|SIZE", affects=("step", "compute"),
        also="model_name_or_path base_model parameters params")] = None
    tokens: Annotated[float | PerParameter | None, _job(
        units.parse_tokens, "Tokens to train on: 10B, or 20x for twenty a parameter.", "COUNT",
        "the published count, else compute-optimal", affects=("compute",),
        also="num_tokens train_tokens max_tokens")] = None
    data: Annotated[float | None, _job(
        units.parse_bytes, "Text to train on, in place of --tokens: 40GB.", "SIZE",
        affects=("compute",), unit="B", also="dataset_size")] = None
    flops: Annotated[float | None, _job(
        units.parse_count, "Amount of compute, in place of --model and --tokens.", "COUNT",
        affects=("compute",), also="compute")] = None
    epochs: Annotated[float | None, _job(
        units.parse_amount, "Passes over those tokens.", "N", "1", affects=("compute",),
        also="num_train_epochs num_epochs")] = None
    time: Annotated[float | None, _job(
        units.parse_duration, "Horizon in which it must be done: 1y, 90d, 12h.", "TIME", "1y",
        affects=("compute",), unit="s", also="deadline within horizon days")] = None
    seq_len: Annotated[int | None, _job(
        units.parse_length,
        "Tokens in a sequence; of a length k is 1,024 (4k is 4096), of an amount 1,000.", "N",
        "the model's own",
        also="sequence_length context_length context max_seq_length max_seq_len max_length "
        "block_size cutoff_len", in_headline=False)] = None
    micro_batch: Annotated[int | None, _job(
        units.parse_whole, "Sequences on one GPU at a time.", "N", "1",
        also="batch_size batch micro_batch_size per_device_train_batch_size "
        "train_micro_batch_size_per_gpu", in_headline=False)] = None
    global_batch_tokens: Annotated[int | None, _job(
        units.parse_whole, "Tokens per optimizer step; if given, gradients are accumulated to it.",
        "N", "the catalog's, else 524288",
        also="total_batch_size global_batch tokens_per_step")] = None

    precision: Annotated[Precision | None, _recipe(
        values.word(Precision), "Number format of the matrix products.",
        default="best the card has", affects=("step", "compute"),
        also="dtype torch_dtype mixed_precision")] = None
    recipe: Annotated[RecipeKind | None, _recipe(
        values.word(RecipeKind),
        "16-bit compute on fp32 weights, 16-bit weights with fp32 masters, or 16-bit "
        "everything.", "autocast|master|pure",
        "autocast; master where the stack keeps masters; adapters: pure")] = None
    optimizer: Annotated[str | None, _recipe(
        values.optimizer, "Optimizer.", "|".join(OPTIMIZERS), DEFAULT_OPTIMIZER,
        also="optim")] = None
    optimizer_impl: Annotated[OptimizerImpl | None, _recipe(
        values.word(OptimizerImpl),
        "How it runs: kernels of PyTorch, or within the backward pass, which frees each "
        "gradient.", default="fused")] = None
    attention: Annotated[AttentionKind | None, _recipe(
        values.word(AttentionKind), "Attention kernel.",
        default="flash where card and precision have it",
        also="attn_implementation flash_attention")] = None
    checkpointing: Annotated[Checkpointing | None, _recipe(
        values.word(Checkpointing),
        "Activation checkpointing: recompute attention scores, or whole blocks.", default="none",
        also="gradient_checkpointing activation_checkpointing recompute_granularity "
        "recompute")] = None
    loss: Annotated[LossKind | None, _recipe(
        values.word(LossKind), "Cross-entropy: on all logits, in chunks, or fused with the head.",
        "plain|fused|chunked", "plain")] = None
    dropout: Annotated[float | None, _recipe(values.dropout, "Dropout rate.", "SHARE", "0")] = None
    keep_logits: Annotated[bool | None, _recipe(
        values.switch, "The training loop keeps the logits until the step ends.",
        default="no")] = None
    offload: Annotated[Offload | None, _recipe(
        values.word(Offload),
        "What lives in host memory: optimizer state, or weights and gradients too.",
        default="none", also="cpu_offload offload_optimizer")] = None

    method: Annotated[str | None, _method(
        values.method,
        "What is trained: everything, adapters, adapters beside 4-bit weights, or all but the "
        "embedding and the first K blocks.", "full|lora|qlora|frozen:K", "full",
        also="finetuning_type adapter peft")] = None
    lora_rank: Annotated[int | None, _method(
        units.parse_whole, "Rank of the adapters.", "N", "16", also="lora_r rank")] = None
    lora_targets: Annotated[LoraTargets | None, _method(
        values.word(LoraTargets), "Adapted matrices: queries and values, or all of the blocks.",
        default="all", also="lora_target_modules target_modules lora_target")] = None
    lora_precision: Annotated[LoraPrecision | None, _method(
        values.word(LoraPrecision), "Number format of the adapters.", default="fp32")] = None
    lora_dropout: Annotated[float | None, _method(
        values.dropout, "Dropout in front of the adapters.", "SHARE", "0")] = None
    double_quant: Annotated[bool | None, _method(
        values.switch, "Quantize the scales of the 4-bit weights too.", default="yes",
        also="bnb_4bit_use_double_quant")] = None

    dp: Annotated[int | None, _layout(
        units.parse_whole, "Data-parallel replicas.", "N", "what is left of --gpus",
        also="data_parallel data_parallel_size")] = None
    tp: Annotated[int | None, _layout(
        units.parse_whole, "Tensor-parallel GPUs, which cut every matrix.", "N", "1",
        also="tensor_parallel tensor_model_parallel_size tensor_parallel_size")] = None
    pp: Annotated[int | None, _layout(
        units.parse_whole, "Pipeline stages, which cut the layers.", "N", "1",
        also="pipeline_parallel pipeline_model_parallel_size pipeline_parallel_size")] = None
    vp: Annotated[int | None, _layout(
        units.parse_whole, "Interleaved model chunks on each pipeline stage.", "N", "1",
        also="virtual_pipeline virtual_pipeline_model_parallel_size")] = None
    cp: Annotated[int | None, _layout(
        units.parse_whole, "Context-parallel GPUs, which cut the sequence.", "N", "1",
        also="context_parallel context_parallel_size")] = None
    ep: Annotated[int | None, _layout(
        units.parse_whole, "Expert-parallel GPUs, which cut the experts; inside the others.", "N",
        "1", also="expert_parallel expert_model_parallel_size")] = None
    zero: Annotated[Zero | None, _layout(
        values.zero_stage,
        "What data-parallel GPUs share: 1 optimizer state, 2 gradients too, 3 weights too "
        "(FSDP).", "0|1|2|3", "3; 1 with --tp, --pp or native kernels",
        also="zero_stage stage fsdp")] = None
    sequence_parallel: Annotated[bool | None, _layout(
        values.switch, "Tensor-parallel GPUs share norms and residuals by position.", default="no",
        also="sp")] = None
    dp_shard: Annotated[int | None, _layout(
        units.parse_whole, "Of the data-parallel GPUs, how many share one copy (hybrid sharding).",
        "N", "all", also="hsdp data_parallel_shard_degree")] = None

    utilization: Annotated[float | None, _assumption(
        units.parse_fraction,
        "Share of the peak that reaches the model, in the FLOPs of --convention.", "SHARE",
        "predicted", affects=("time", "compute"), also="mfu efficiency", in_headline=True)] = None
    goodput: Annotated[float | None, _assumption(
        units.parse_fraction, "Share of the wall clock that is training steps.", "SHARE",
        "1, beyond 8 GPUs 0.9", affects=("time", "compute"))] = None
    stack: Annotated[StackName | None, _assumption(
        values.text, "Software stack.", "STACK",
        "{node}; beyond 8 GPUs {nodes}; {cut} with --tp or --pp", affects=("memory", "time"),
        also="framework trainer program")] = None
    no_profile: Annotated[bool | None, _assumption(
        values.switch, "Ignore the calibration profile of this card and stack.",
        affects=("time",), in_headline=True)] = None
    convention: Annotated[FlopsConvention | None, _assumption(
        values.word(FlopsConvention), "How FLOPs are counted in the headline.", "6nd|exact", "6nd",
        affects=("compute",))] = None
    price: Annotated[float | None, _assumption(
        values.money_or_none, "US dollars per GPU-hour.", "USD", "catalog", affects=("cost",),
        also="price_per_hour usd_per_hour hourly")] = None
    kwh_price: Annotated[float | None, _assumption(
        values.money_or_none, "US dollars per kWh.", "USD", affects=("cost",),
        also="electricity_price")] = None
    power: Annotated[float | None, _assumption(
        units.parse_amount, "Mean draw of one GPU in watts.", "W", "TDP", affects=("cost",),
        also="watts tdp")] = None
    pue: Annotated[float | None, _assumption(
        values.factor, "Power usage effectiveness of the data centre.", "N", "1.0",
        affects=("cost",))] = None
    grid: Annotated[str | None, _assumption(
        values.text, "Carbon intensity: g CO2 per kWh, or a grid.", "G|germany|world",
        affects=("cost",), also="carbon_intensity co2")] = None

    # fmt: on


OPTIONS = Options.table


def called(name: str, options: Mapping[str, Option]) -> str | None:
    """Return our option for a name used by other programs, or ``None``."""
    plain = name.replace("-", "_").lower()
    return next((known for known, option in options.items() if plain in option.also.split()), None)


def nearest_option(name: str, options: Mapping[str, Option]) -> str:
    """What to write in place of a name that is none of ``options``."""
    known = called(name, options)
    return f"it is {known!r} here" if known else nearest_hint(name, options)


def affecting(*effects: Effect) -> tuple[str, ...]:
    """The names of the options that change any of these."""
    return tuple(name for name, option in OPTIONS.items() if set(option.affects) & set(effects))


LAYOUT_OPTIONS = tuple(name for name, option in OPTIONS.items() if option.group == "Layout")
"""How a run is spread over several GPUs."""

ADAPTER_OPTIONS = tuple(
    name for name, option in OPTIONS.items() if option.group == "Method" and name != "method"
)

HOST_OPTIONS = affecting("host")
"""Options that have an effect only with offloading."""

STEP_OPTIONS = affecting("step")
"""Options that determine the training step; two runs are the same if these agree."""

SHAPE_OPTIONS = tuple(
    name for name, option in OPTIONS.items() if not {"compute", "cost"} & set(option.affects)
)
"""Those that have an effect only on a model with a shape."""

ASSUMED_OPTIONS = tuple(name for name in affecting("step", "time") if not OPTIONS[name].in_headline)
"""Those that an answer lists as assumed."""
