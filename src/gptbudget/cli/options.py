"""Every option of the command line, once: the same word means the same on every command.

A command says which groups it takes; the flags themselves, their help and their panel in
``--help`` come from the one table here. Values stay text until
:class:`gptbudget.specs.options.Options` parses them, as it does for scenario files.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import typer

from gptbudget.catalog.stack_names import default_stacks, stack_names
from gptbudget.cli import completion
from gptbudget.errors import UsageError
from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS

_HARDWARE = "Hardware"
_JOB = "Job"
_RECIPE = "Recipe"
_METHOD = "Method"
_LAYOUT = "Layout"
_ASSUMPTIONS = "Assumptions"
_SEARCH = "Search and plan"
_OUTPUT = "Output"


class Flag(NamedTuple):
    """One option: its panel, what it is, what it takes, and its default in words."""

    panel: str
    help: str
    metavar: str = ""
    default: str = ""
    kind: Any = str
    names: tuple[str, ...] = ()
    complete: completion.Complete | None = None

    def annotation(self, name: str) -> Any:
        """The typer annotation of the parameter ``name``."""
        names = self.names or (f"--{name.replace('_', '-')}",)
        option = typer.Option(
            *names,
            help=self.help,
            metavar=self.metavar or None,
            rich_help_panel=self.panel,
            show_default=self.default or False,
            autocompletion=self.complete or completion.choices(self.metavar),
        )
        return Annotated[self.kind | None, option]


HARDWARE = {
    "gpu": Flag(
        _HARDWARE,
        "Accelerator of the catalog; repeatable; all tries every one, auto takes the cards of "
        "this machine.",
        "NAME",
        kind=list[str],
        complete=completion.gpus,
    ),
    "gpus": Flag(_HARDWARE, "How many of them.", "N", "1, or what the layout needs"),
    "gpus_per_node": Flag(
        _HARDWARE, "How many share a host: its memory, and what joins them.", "N", "8"
    ),
    "network": Flag(
        _HARDWARE,
        "Network of one GPU to other nodes, in GB/s and one direction.",
        "GB/S",
        "25 up to A100, 50 from H100, 10 without a fast link",
    ),
    "gpu_memory": Flag(
        _HARDWARE, "Memory of one, in place of that of the catalog.", "SIZE", "catalog"
    ),
    "reserve": Flag(_HARDWARE, "Memory to leave free, for a desktop say.", "SIZE", "0"),
    "host_memory": Flag(
        _HARDWARE, "Memory of the host, which an offload must fit into.", "SIZE", "unlimited"
    ),
}

JOB = {
    "model": Flag(
        _JOB,
        "Model of the catalog, a Hugging Face config.json or its folder, or a bare size such as "
        "1.5B; repeatable.",
        "NAME|SIZE",
        kind=list[str],
        complete=completion.models,
    ),
    "tokens": Flag(
        _JOB,
        "Tokens to train on: 10B, or 20x for twenty a parameter.",
        "COUNT",
        "the published count, else compute-optimal",
    ),
    "data": Flag(_JOB, "Text to train on, in place of --tokens: 40GB.", "SIZE"),
    "flops": Flag(_JOB, "Amount of compute, in place of --model and --tokens.", "COUNT"),
    "epochs": Flag(_JOB, "Passes over those tokens.", "N", "1"),
    "time": Flag(_JOB, "Horizon in which it must be done: 1y, 90d, 12h.", "TIME", "1y"),
    "seq_len": Flag(
        _JOB,
        "Tokens in a sequence; of a length k is 1,024 (4k is 4096), of an amount 1,000.",
        "N",
        "the model's own",
    ),
    "micro_batch": Flag(_JOB, "Sequences on one GPU at a time.", "N", "1"),
    "global_batch_tokens": Flag(
        _JOB,
        "Tokens in an optimizer step; given, gradients are accumulated to it.",
        "N",
        "the catalog's, else 524288",
    ),
}

RECIPE = {
    "precision": Flag(
        _RECIPE,
        "Number format of the matrix products.",
        "fp32|tf32|bf16|fp16|fp8|fp4",
        "best the card has",
    ),
    "recipe": Flag(
        _RECIPE,
        "16-bit compute on fp32 weights, 16-bit weights with fp32 masters, or 16-bit everything.",
        "autocast|master|pure",
        "autocast; master where the stack keeps masters; adapters: pure",
    ),
    "optimizer": Flag(
        _RECIPE,
        "Optimizer.",
        "|".join(OPTIMIZERS),
        DEFAULT_OPTIMIZER,
    ),
    "optimizer_impl": Flag(
        _RECIPE,
        "How it runs: kernels of PyTorch, or within the backward pass, which frees each gradient.",
        "fused|foreach|loop|in-backward",
        "fused",
    ),
    "attention": Flag(
        _RECIPE,
        "Attention kernel.",
        "flash|efficient|math|eager",
        "flash where card and precision have it",
    ),
    "checkpointing": Flag(
        _RECIPE,
        "Activation checkpointing: recompute attention scores, or whole blocks.",
        "none|selective|full",
        "none",
    ),
    "loss": Flag(
        _RECIPE,
        "Cross-entropy: on all logits, in chunks, or fused with the head.",
        "plain|fused|chunked",
        "plain",
    ),
    "dropout": Flag(_RECIPE, "Dropout rate.", "SHARE", "0"),
    "keep_logits": Flag(
        _RECIPE,
        "The training loop keeps the logits until the step ends.",
        kind=bool,
        default="no",
        names=("--keep-logits/--no-keep-logits",),
    ),
    "offload": Flag(
        _RECIPE,
        "What lives in host memory: optimizer state, or weights and gradients too.",
        "none|optimizer|all",
        "none",
    ),
}

METHOD = {
    "method": Flag(
        _METHOD,
        "What is trained: everything, adapters, adapters beside 4-bit weights, or all but the "
        "embedding and the first K blocks.",
        "full|lora|qlora|frozen:K",
        "full",
    ),
    "lora_rank": Flag(_METHOD, "Rank of the adapters.", "N", "16"),
    "lora_targets": Flag(
        _METHOD, "Adapted matrices: queries and values, or all of the blocks.", "qv|all", "all"
    ),
    "lora_precision": Flag(_METHOD, "Number format of the adapters.", "fp32|bf16", "fp32"),
    "lora_dropout": Flag(_METHOD, "Dropout in front of the adapters.", "SHARE", "0"),
    "double_quant": Flag(
        _METHOD,
        "Quantize the scales of the 4-bit weights too.",
        kind=bool,
        default="yes",
        names=("--double-quant/--no-double-quant",),
    ),
}

LAYOUT = {
    "dp": Flag(_LAYOUT, "Data-parallel replicas.", "N", "what is left of --gpus"),
    "tp": Flag(_LAYOUT, "Tensor-parallel GPUs, which cut every matrix.", "N", "1"),
    "pp": Flag(_LAYOUT, "Pipeline stages, which cut the layers.", "N", "1"),
    "vp": Flag(_LAYOUT, "Interleaved model chunks on each pipeline stage.", "N", "1"),
    "cp": Flag(_LAYOUT, "Context-parallel GPUs, which cut the sequence.", "N", "1"),
    "ep": Flag(
        _LAYOUT, "Expert-parallel GPUs, which cut the experts; inside the others.", "N", "1"
    ),
    "zero": Flag(
        _LAYOUT,
        "What data-parallel GPUs share: 1 optimizer state, 2 gradients too, 3 weights too (FSDP).",
        "0|1|2|3",
        "3; 1 with --tp, --pp or native kernels",
    ),
    "sequence_parallel": Flag(
        _LAYOUT,
        "Tensor-parallel GPUs share norms and residuals by position.",
        kind=bool,
        default="no",
        names=("--sequence-parallel/--no-sequence-parallel",),
    ),
    "dp_shard": Flag(
        _LAYOUT,
        "Of the data-parallel GPUs, how many share one copy (hybrid sharding).",
        "N",
        "all",
    ),
}

ASSUMPTIONS = {
    "utilization": Flag(
        _ASSUMPTIONS,
        "Share of the peak that reaches the model, in the FLOPs of --convention.",
        "SHARE",
        "predicted",
    ),
    "goodput": Flag(
        _ASSUMPTIONS,
        "Share of the wall clock that is training steps.",
        "SHARE",
        "1, beyond 8 GPUs 0.9",
    ),
    "stack": Flag(
        _ASSUMPTIONS,
        "Software stack.",
        "|".join(stack_names()),
        "{node}; beyond 8 GPUs {nodes}; {cut} with --tp or --pp".format(**default_stacks()),
    ),
    "no_profile": Flag(
        _ASSUMPTIONS,
        "Leave out what calibrate learned of this card and stack.",
        kind=bool,
        names=("--no-profile",),
    ),
    "convention": Flag(_ASSUMPTIONS, "FLOPs of the headline.", "6nd|exact", "6nd"),
    "price": Flag(_ASSUMPTIONS, "US dollars per GPU-hour.", "USD", "catalog"),
    "kwh_price": Flag(_ASSUMPTIONS, "US dollars per kWh.", "USD"),
    "power": Flag(_ASSUMPTIONS, "Mean draw of one GPU in watts.", "W", "TDP"),
    "pue": Flag(_ASSUMPTIONS, "Power of the building per power of the machines.", "N", "1.0"),
    "grid": Flag(_ASSUMPTIONS, "Carbon intensity: g CO2 per kWh, or a grid.", "G|germany|world"),
}


READING = {
    "tokens_per_s": Flag(_JOB, "Published speed of the whole run, to be read as an MFU.", "RATE"),
    "tflops": Flag(_JOB, "Published TFLOP/s of one GPU, in the FLOPs of --convention.", "TFLOPS"),
    "convention": Flag(
        _ASSUMPTIONS,
        "How --tflops was counted.",
        "exact|causal|6nd|6nd-no-embedding|palm|megatron|megatron-hardware|chinchilla|llmc",
        "exact",
    ),
}

FIT = {
    "gpus": Flag(_HARDWARE, "How many of them, or a range to search: 8, 1..1024.", "N|N..N", "1"),
    "time": Flag(_SEARCH, "How long it may take: 30d, 1y.", "TIME", "any"),
    "cost": Flag(_SEARCH, "US dollars that it may cost.", "USD", "any"),
    "minimize": Flag(_SEARCH, "What comes first.", "time|cost|memory|gpus|energy", "time"),
    "top": Flag(_SEARCH, "Rows of the answer.", "N", "10 in a table, 300 in data"),
}

PLAN = {
    "cost": Flag(_SEARCH, "US dollars to spend.", "USD"),
    "unique_tokens": Flag(
        _SEARCH, "Tokens of text that there are; more than these are seen again.", "COUNT"
    ),
    "inference_tokens": Flag(
        _SEARCH, "Tokens that the model will read and write when it is used.", "COUNT"
    ),
}


class Invocation(NamedTuple):
    """What was typed: the options given, and how the answer is wanted."""

    given: dict[str, Any]
    fmt: str
    catalogs: tuple[Path, ...] = ()
    scenario: Path | None = None
    check: bool = False
    html: Path | None = None
    explain: str | None = None
    """The number to explain; empty: all of them."""
    extra: Mapping[str, Any] = MappingProxyType({})


_FORMAT = Annotated[
    str,
    typer.Option(
        "--format",
        "-o",
        metavar="table|json|csv|markdown",
        help="Form of the answer.",
        rich_help_panel=_OUTPUT,
        autocompletion=completion.choices("table|json|csv|markdown"),
    ),
]
_CATALOG = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog",
        metavar="PATH",
        help="One more catalog file or folder; repeatable.",
        rich_help_panel=_OUTPUT,
    ),
]
_CONFIG = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Scenario with the same options; flags win over it.",
        rich_help_panel=_OUTPUT,
    ),
]
_CHECK = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Exit with 5 unless every row is known to be feasible.",
        rich_help_panel=_OUTPUT,
    ),
]

_HTML = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write the answer as a page with charts too: one file that needs nothing else.",
        rich_help_panel=_OUTPUT,
    ),
]
_EXPLAIN = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="[NAME]",
        help="Formulas of all numbers in short, or of one in full: --explain wall_clock_s.",
        rich_help_panel=_OUTPUT,
        autocompletion=completion.numbers,
    ),
]

_OUTPUT_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "fmt": (_FORMAT, "table"),
    "catalogs": (_CATALOG, None),
}
_SCENARIO_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "scenario": (_CONFIG, None),
    "check": (_CHECK, False),
}


def takes(
    *groups: dict[str, Flag],
    scenario: bool = False,
    check: bool = True,
    html: bool = False,
    explain: bool = False,
    extra: dict[str, tuple[Any, Any]] | None = None,
) -> Callable[[Callable[[Invocation], None]], Callable[..., None]]:
    """Make a command of a function that wants an :class:`Invocation`.

    ``groups`` are its options, ``extra`` further parameters of its own as annotation and
    default, which arrive in ``Invocation.extra``. ``check`` makes an answer of no an exit code,
    ``html`` writes the answer as a page too, ``explain`` offers the formulas behind the numbers.
    """
    flags = {name: flag for group in groups for name, flag in group.items()}
    own = extra or {}
    asked = {**_SCENARIO_PARAMETERS} if scenario else {}
    if not check:
        asked.pop("check", None)
    page = {"html": (_HTML, None)} if html else {}
    if explain:
        asked["explain"] = (_EXPLAIN, None)
    output = {**_OUTPUT_PARAMETERS, **page, **asked}
    parameters = {
        **own,
        **{name: (flag.annotation(name), None) for name, flag in flags.items()},
        **output,
    }

    def decorate(function: Callable[[Invocation], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            if values.get("explain") is not None and values["fmt"] == "csv":
                raise UsageError("--explain has no place in csv", "use -o json, markdown or table")
            function(
                Invocation(
                    given={name: _given(values[name]) for name in flags if _is_given(values[name])},
                    fmt=values["fmt"],
                    catalogs=tuple(values["catalogs"] or ()),
                    scenario=values.get("scenario"),
                    check=values.get("check", False),
                    html=values.get("html"),
                    explain=values.get("explain"),
                    extra={name: values[name] for name in own},
                )
            )

        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        command.__annotations__ = {name: kind for name, (kind, _) in parameters.items()}
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
                )
                for name, (kind, default) in parameters.items()
            ]
        )
        return command

    return decorate


def _is_given(value: Any) -> bool:
    return value is not None and value != []


def _given(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
