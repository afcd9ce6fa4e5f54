"""The recipe of a run: fill in defaults and reject invalid combinations."""

from typing import Literal

from gptbudget.core.memory.states import data_parallel_mode
from gptbudget.errors import UsageError
from gptbudget.run.origins import Resolver, refuse_unused
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS, OptimizerImpl
from gptbudget.specs.options import ADAPTER_OPTIONS, HOST_OPTIONS
from gptbudget.specs.recipe import (
    LoraTargets,
    LossKind,
    Method,
    Offload,
    Precision,
    Recipe,
    RecipeKind,
)
from gptbudget.specs.stack import AttentionKind, Stack

_FLASH_COMPUTE_CAPABILITY = 8.0
"""Below it PyTorch has no flash attention: torch.nn.functional.scaled_dot_product_attention."""


def complete_recipe(
    resolver: Resolver, model: ModelSpec, precision: Precision, stack: Stack, layout: Layout
) -> Recipe:
    """Complete the recipe of one run.

    Raises:
        UsageError: options of the recipe contradict each other, or this card does not support them.
    """
    method = _method(resolver, model)
    recipe = _storage(resolver, precision, stack, method)
    optimizer: str = resolver.value("optimizer", DEFAULT_OPTIMIZER)
    loss: LossKind = resolver.value("loss", "plain")
    keep_logits = resolver.value("keep_logits", default=False)
    if keep_logits and loss == "fused":
        raise UsageError(
            "--keep-logits has nothing to keep: a fused loss never holds the logits",
            "drop it, or use --loss plain",
        )
    completed = Recipe(
        precision=precision,
        weight_storage=recipe,
        optimizer=optimizer,
        optimizer_impl=_implementation(resolver, optimizer),
        attention=_attention(resolver, precision, stack),
        checkpointing=resolver.value("checkpointing", "none"),
        loss=loss,
        dropout=resolver.value("dropout", 0.0),
        keep_logits=keep_logits,
        accumulate=_accumulates(resolver, layout.dp),
        offload=_offload(resolver, optimizer, recipe),
        method=method,
    )
    if completed.optimizer_impl == "in-backward":
        mode = data_parallel_mode(completed, layout.zero, stack)
        _refuse_gradients_that_stay(completed, layout, mode, resolver.chosen["stack"])
    return completed


def _refuse_gradients_that_stay(recipe: Recipe, layout: Layout, mode: str, stack: str) -> None:
    """Reject an optimizer step inside the backward pass when something else keeps the gradients."""
    reasons = {
        "sums micro-batches, as --global-batch-tokens asks": recipe.accumulate,
        "sums micro-batches, as a pipeline does": layout.pp > 1,
        f"has a gradient buffer, as the {stack} stack does": mode == "buffer",
        "keeps gradients in buckets, as replicas and DeepSpeed do": mode == "flattened"
        or (mode == "replicas" and layout.dp > 1),
    }
    for reason, applies in reasons.items():
        if applies:
            raise UsageError(
                "--optimizer-impl in-backward frees each gradient at once, and nothing is freed "
                f"that {reason}",
                "drop it, or use one GPU or --zero 3",
            )


def _method(resolver: Resolver, model: ModelSpec) -> Method:
    """Return the training method; reject adapter options of another method."""
    text: str = resolver.value("method", "full")
    kind, _, layers = text.partition(":")
    own = [name for name in ADAPTER_OPTIONS if name != "double_quant"]
    if kind not in {"lora", "qlora"}:
        refuse_unused(resolver.options, own, f"with --method {kind}", "add --method lora")
    if kind != "qlora":
        quantizing = ("double_quant",)
        refuse_unused(resolver.options, quantizing, f"with --method {kind}", "add --method qlora")
    if kind in {"lora", "qlora"}:
        return _adapters(resolver, model, "qlora" if kind == "qlora" else "lora")
    frozen = int(layers or 0)
    if frozen >= model.layers:
        raise UsageError(
            f"--method {text} freezes all {model.layers} blocks of {model.name}",
            f"freeze at most {model.layers - 1}",
        )
    return Method(kind="frozen" if frozen else "full", frozen_layers=frozen)


def _adapters(resolver: Resolver, model: ModelSpec, kind: Literal["lora", "qlora"]) -> Method:
    rank, narrowest = resolver.value("lora_rank", 16), min(model.width, model.kv_width)
    if rank > narrowest:
        raise UsageError(
            f"--lora-rank {rank} is more than the narrowest adapted matrix of {model.name} "
            f"({narrowest})",
            f"give at most {narrowest}",
        )
    targets: LoraTargets = resolver.value("lora_targets", "all")
    if model.attention.latent is not None:
        raise UsageError(
            f"{kind} on the latent attention of {model.name} is not modelled",
            "use --method full, or another model",
        )
    if model.experts is not None and targets == "all":
        raise UsageError(
            f"{kind} on the experts of {model.name} is not modelled",
            "use --lora-targets qv, or --method full",
        )
    return Method(
        kind=kind,
        lora_rank=rank,
        lora_targets=targets,
        lora_precision=resolver.value("lora_precision", "fp32"),
        lora_dropout=resolver.value("lora_dropout", 0.0),
        double_quant=kind == "lora" or resolver.value("double_quant", default=True),
    )


def default_storage(precision: Precision, stack: Stack, method: Method) -> RecipeKind:
    """Return the default weight storage; under adapters the base has the compute precision."""
    if precision in {"fp32", "tf32"}:
        return "autocast"
    if method.has_adapters:
        return "pure"
    return "master" if stack.keeps_masters else "autocast"


def _storage(resolver: Resolver, precision: Precision, stack: Stack, method: Method) -> RecipeKind:
    default = default_storage(precision, stack, method)
    full_precision = precision in {"fp32", "tf32"}
    if full_precision and resolver.options.recipe is None:
        return default
    recipe: RecipeKind = resolver.value("recipe", default)
    if recipe != "autocast" and full_precision:
        raise UsageError(f"--recipe {recipe} is a 16-bit recipe, not {precision}", "drop it")
    if method.kind == "qlora" and recipe == "autocast":
        raise UsageError(
            "--method qlora keeps its base in 4 bit, not in fp32 as --recipe autocast does",
            "drop --recipe, and train in a 16-bit precision",
        )
    if method.has_adapters and recipe == "master":
        raise UsageError(
            "--recipe master has no effect on adapters, which have a precision of their own",
            "drop it, or choose --lora-precision",
        )
    return recipe


def _implementation(resolver: Resolver, optimizer: str) -> OptimizerImpl:
    known = tuple(OPTIMIZERS[optimizer].implementations)
    given = resolver.options.optimizer_impl
    if given is not None and given not in known:
        raise UsageError(
            f"--optimizer-impl {given} does not exist for {optimizer}",
            f"it has {', '.join(known)}" if known else "drop it",
        )
    return resolver.value("optimizer_impl", known[0]) if known else "fused"


def _attention(resolver: Resolver, precision: Precision, stack: Stack) -> AttentionKind:
    gpu = resolver.setting.gpu.spec
    best = best_attention(gpu, precision)
    attention: AttentionKind = resolver.value("attention", stack.attention or best)
    if attention == "flash" and best != "flash":
        raise UsageError(
            f"flash attention does not run in {precision} on {gpu.name}",
            "use --attention efficient (flash needs 16 bit and compute capability 8.0)",
        )
    return attention


def best_attention(gpu: GpuSpec, precision: Precision) -> AttentionKind:
    """Return ``flash`` if precision and card support it, else ``efficient``."""
    if precision in {"fp32", "tf32"}:
        return "efficient"
    capability = gpu.compute_capability or ""
    too_old = capability[:1].isdigit() and float(capability) < _FLASH_COMPUTE_CAPABILITY
    return "efficient" if too_old else "flash"


def _offload(resolver: Resolver, optimizer: str, recipe: RecipeKind) -> Offload:
    offload: Offload = resolver.value("offload", "none")
    spec = OPTIMIZERS[optimizer]
    if offload == "optimizer" and not spec.keeps_state and recipe != "master":
        raise UsageError(f"--offload optimizer: {optimizer} keeps no state to offload", "drop it")
    if offload == "none" and not spec.paged:
        hint = "add --offload optimizer or all"
        refuse_unused(resolver.options, HOST_OPTIONS, "without --offload", hint)
    return offload


def _accumulates(resolver: Resolver, replicas: int) -> bool:
    """Whether gradients of several micro-batches are added up; only where it was asked for."""
    if resolver.options.global_batch_tokens is None:
        return False
    chosen = resolver.chosen
    one = chosen.get("micro_batch", 1) * chosen.get("seq_len", 1) * replicas
    return bool(chosen.get("global_batch_tokens", 0) > one)
