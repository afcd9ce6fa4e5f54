"""A run as command lines: of gptbudget, with or without changes, and of training programs.

Other programs: nanoGPT, train.py and configurator.py (https://github.com/karpathy/nanoGPT).
torchtitan, ``--section.name`` of its job config (https://github.com/pytorch/torchtitan,
torchtitan/config). Megatron-LM, megatron/training/arguments.py
(https://github.com/NVIDIA/Megatron-LM). Data, learning rates and checkpoints are the user's.
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from gptbudget.catalog.index import AUTO
from gptbudget.run.run import ModelRun, Run
from gptbudget.search.changes import Change
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import HOST_OPTIONS, OPTIONS
from gptbudget.units import DAY_S

_IMPLIED_BY_TOKENS = frozenset({"data", "epochs"})
"""Options that only determine the number of tokens; left out when ``--tokens`` is given."""


def command(run: Run, name: str, changes: Iterable[Change] = ()) -> str:
    """Return the gptbudget command for ``run`` with ``changes``; defaults are left out.

    Catalog files given with ``--catalog`` are repeated.
    """
    changed = {change.option: change.value for change in changes}
    given = {
        option: value
        for option, value in run.values.items()
        if run.asked(option) and not (option in _IMPLIED_BY_TOKENS and run.asked("tokens"))
    }
    if run.origins.get("gpu") == "driver":
        given = {"gpu": AUTO, **given}
    if "optimizer" in changed:
        given.pop("optimizer_impl", None)
    if "method" in changed:
        given.pop("recipe", None)
    if changed.get("offload") == "none":
        given = {name: value for name, value in given.items() if name not in HOST_OPTIONS}
    words = [word for pair in {**given, **changed}.items() for word in _flag(*pair)]
    words += [word for path in run.setting.context.catalogs for word in ("--catalog", str(path))]
    return shlex.join(["gptbudget", name, *words])


def flags(run: ModelRun, changes: Iterable[Change]) -> str:
    """Return the flags to append to the original command.

    Adapters need pure 16-bit weights, so a given recipe is overridden with ``--recipe pure``.
    """
    changed = {change.option: change.value for change in changes}
    if "method" in changed and run.asked("recipe") and run.recipe.weight_storage != "pure":
        changed["recipe"] = "pure"
    return option_words(changed)


def option_words(options: Mapping[str, object]) -> str:
    """Return options as command-line flags."""
    return shlex.join([word for pair in options.items() for word in _flag(*pair)])


def _flag(option: str, value: Any) -> list[str]:
    name = option.replace("_", "-")
    unit = OPTIONS[option].unit if option in OPTIONS else ""
    if option == "time" and value % DAY_S == 0:
        return ["--time", f"{value / DAY_S:.0f}d"]
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if unit == "B" and value % 2**30 == 0:
        return [f"--{name}", f"{value / 2**30:.0f}GiB"]
    if isinstance(value, float):
        return [f"--{name}", f"{value:.12g}{unit}"]
    return [f"--{name}", str(value)]


# --- other programs ---------------------------------------------------------------------------


OwnFlags = Mapping[str, object] | None
"""Flags that a stack adds for a program; ``None`` if the stack does not list the program."""

_MEGATRON_POSITIONS = {"learned": "learned_absolute", "rotary": "rope"}


def framework_flags(run: ModelRun) -> dict[str, str]:
    """Return the command line of each training program that can run it, by program."""
    own, optimizer = run.implementation.stack.program_flags, run.recipe.optimizer_spec
    makers = {"nanoGPT": _nanogpt, "torchtitan": _torchtitan, "Megatron-LM": _megatron}
    lines = {
        name: make(run, run.work.spec, own.get(name))
        for name, make in makers.items()
        if name in optimizer.default_in
    }
    return {name: line for name, line in lines.items() if line is not None}


def _joined(flags: Mapping[str, object]) -> str:
    """Return flags with their values; a true one has no value."""
    words = (
        [f"--{name}"] if value is True else [f"--{name}", str(value)]
        for name, value in flags.items()
    )
    return shlex.join(word for pair in words for word in pair)


def _nanogpt(run: ModelRun, model: ModelSpec, own: OwnFlags) -> str | None:
    """Return nanoGPT's command; ``None`` for anything but a GPT-2 on plain replicas."""
    recipe, layout = run.recipe, run.layout
    plain = (
        (model.block_kind, model.positions.kind) == ("layernorm+plain", "learned")
        and recipe.method.kind == "full"
        and recipe.weight_storage == "autocast"
        and (recipe.checkpointing, recipe.loss, recipe.offload) == ("none", "plain", "none")
        and layout.gpus == layout.dp
        and layout.zero == 0
        and recipe.precision in {"bf16", "fp16", "fp32"}
    )
    if not plain or own is None:
        return None
    types = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
    flags = {
        "n_layer": model.layers,
        "n_head": model.attention.heads,
        "n_embd": model.width,
        "block_size": run.seq_len,
        "batch_size": run.micro_batch,
        "gradient_accumulation_steps": run.micro_batches * layout.dp,
        "dtype": types[recipe.precision],
        "dropout": recipe.dropout,
        "bias": model.attention.qkv_bias,
        **own,
    }
    line = shlex.join(f"--{name}={value}" for name, value in flags.items())
    return f"{_launched(run)} train.py {line}"


def _launched(run: ModelRun) -> str:
    """The launcher: ``python`` for one GPU, else ``torchrun`` with one process per GPU."""
    gpus = run.layout.gpus
    if gpus == 1:
        return "python"
    here = min(gpus, run.values.get("gpus_per_node") or gpus)
    nodes = -(-gpus // here)
    return f"torchrun {f'--nnodes={nodes} ' if nodes > 1 else ''}--nproc_per_node={here}"


def _torchtitan(run: ModelRun, model: ModelSpec, own: OwnFlags) -> str | None:
    """Return torchtitan's command; ``None`` for anything but a Llama on FSDP2 in fp32 weights."""
    recipe, layout = run.recipe, run.layout
    plain = (
        (model.block_kind, model.positions.kind) == ("rmsnorm+gated", "rotary")
        and model.experts is None
        and recipe.method.kind == "full"
        and recipe.weight_storage == "autocast"
        and (recipe.loss, recipe.offload) == ("plain", "none")
        and recipe.precision == "bf16"
        and layout.zero == 3  # noqa: PLR2004 - FSDP
        and layout.vp == 1
    )
    if not plain:
        return None
    shard = layout.dp_shard or layout.dp
    flags: dict[str, object] = {
        "training.seq_len": run.seq_len,
        "training.local_batch_size": run.micro_batch * (run.micro_batches if layout.pp > 1 else 1),
        "training.global_batch_size": run.micro_batch * run.micro_batches * layout.dp,
        "parallelism.data_parallel_shard_degree": shard,
        "parallelism.data_parallel_replicate_degree": layout.dp // shard,
        "parallelism.tensor_parallel_degree": layout.tp,
        "parallelism.pipeline_parallel_degree": layout.pp,
        "parallelism.context_parallel_degree": layout.cp,
        "activation_checkpoint.mode": recipe.checkpointing,
    }
    if layout.pp > 1:
        flags["parallelism.pipeline_parallel_microbatch_size"] = run.micro_batch
    flags |= own or {}
    return _joined(
        {
            name: value
            for name, value in flags.items()
            if value is True or value != 1 or name.startswith("training")
        }
    )


def _megatron(run: ModelRun, model: ModelSpec, own: OwnFlags) -> str | None:
    """Return Megatron-LM's command; ``None`` without fp32 masters or with ZeRO above stage 1."""
    recipe, layout = run.recipe, run.layout
    plain = (
        own is not None
        and recipe.method.kind == "full"
        and recipe.weight_storage == "master"
        and recipe.offload == "none"
        and layout.zero <= 1
        and model.attention.latent is None
        and recipe.loss == "plain"
        and model.positions.kind in _MEGATRON_POSITIONS
    )
    uneven = model.layers % (layout.pp * layout.vp)
    if not plain or uneven:
        return None
    full = recipe.checkpointing == "full"
    flags = {
        **_megatron_shape(run, model),
        **_megatron_layout(run, model),
        "recompute-granularity": recipe.checkpointing != "none" and recipe.checkpointing,
        "recompute-method": full and "uniform",
        "recompute-num-layers": full and 1,
    }
    return f"pretrain_gpt.py {_joined({name: value for name, value in flags.items() if value})}"


def _megatron_shape(run: ModelRun, model: ModelSpec) -> dict[str, object]:
    """Flags for the model architecture; false values are dropped later."""
    attention, experts = model.attention, model.experts
    grouped = model.kv_heads != attention.heads
    return {
        "num-layers": model.layers,
        "hidden-size": model.width,
        "ffn-hidden-size": model.ffn_width,
        "num-attention-heads": attention.heads,
        "seq-length": run.seq_len,
        "max-position-embeddings": max(model.context, run.seq_len),
        run.recipe.precision: True,
        "swiglu": model.ffn.gated,
        "normalization": model.norms.kind == "rmsnorm" and "RMSNorm",
        "disable-bias-linear": not model.ffn.bias,
        "add-qkv-bias": attention.qkv_bias and not model.ffn.bias,
        "untie-embeddings-and-output-weights": not model.head.tied,
        "position-embedding-type": _MEGATRON_POSITIONS[model.positions.kind],
        "group-query-attention": grouped,
        "num-query-groups": grouped and model.kv_heads,
        "num-experts": experts and experts.count,
        "moe-router-topk": experts and experts.active,
    }


def _megatron_layout(run: ModelRun, model: ModelSpec) -> dict[str, object]:
    layout = run.layout
    layers = model.layers // (layout.pp * layout.vp)
    return {
        "tensor-model-parallel-size": layout.tp,
        "pipeline-model-parallel-size": layout.pp,
        "micro-batch-size": run.micro_batch,
        "global-batch-size": run.micro_batch * run.micro_batches * layout.dp,
        "num-layers-per-virtual-pipeline-stage": layout.vp > 1 and layers,
        "context-parallel-size": layout.cp > 1 and layout.cp,
        "expert-model-parallel-size": layout.ep > 1 and layout.ep,
        "sequence-parallel": layout.sequence_parallel,
        "use-distributed-optimizer": layout.zero > 0,
    }
