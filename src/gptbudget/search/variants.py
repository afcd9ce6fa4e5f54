"""The recipes that a search tries: storage, optimizer, checkpointing, loss and method."""

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

from gptbudget.run.recipe import best_attention, default_storage
from gptbudget.run.run import Setting
from gptbudget.search.changes import QUALITY_COSTS, adaptable
from gptbudget.search.layouts import LayoutFamily
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS
from gptbudget.specs.options import Options
from gptbudget.specs.recipe import Method, Precision
from gptbudget.specs.stack import AttentionKind, Stacks

_OPTIMIZERS = (
    DEFAULT_OPTIMIZER,
    *(name for name, spec in OPTIMIZERS.items() if spec.tried_for == DEFAULT_OPTIMIZER),
)


class Variant(NamedTuple):
    """A recipe: options added to those of the user."""

    options: Mapping[str, Any]
    last: bool = False
    """Tried only where nothing else fits."""

    @property
    def quality_cost(self) -> int:
        """0 where it costs no quality."""
        return sum(QUALITY_COSTS.get(pair, 0) for pair in self.options.items())

    @property
    def offloads(self) -> bool:
        """Whether something is moved to the host."""
        return bool(self.options.get("offload", "none") != "none")

    @property
    def of_few_gpus(self) -> bool:
        """Whether it is useful only on few GPUs; on many, sharding saves the memory."""
        return self.offloads or self.options.get("recipe") in {"autocast", "master"}

    def stands_on(self, kind: LayoutFamily, stack: str | None, stacks: Stacks) -> bool:
        """Whether it differs from the default on these layouts, where masters may be usual."""
        cut = kind.pipeline != "none" or kind.axes.tp != (1,)
        usual = stacks.named(stack, "cut" if cut else "node").keeps_masters
        return not (usual and self.options.get("recipe") == "master")

    @property
    def round(self) -> tuple[bool, bool, bool]:
        """Sort key for the order of trying: lossless first, then without offload."""
        return self.last, self.quality_cost > 0, self.offloads


def variants(setting: Setting, model: ModelSpec, precision: Precision) -> list[Variant]:
    """Every recipe to be tried, in the order of their rounds; what the user fixed stays fixed."""
    options, axes = setting.options, _axes(setting, model, precision)
    every = [Variant(dict(zip(axes, values, strict=True))) for values in product(*axes.values())]
    sensible = [variant for variant in every if _stands_together(options, variant)]
    placed = [variant._replace(last=_is_last(options, variant)) for variant in sensible]
    return sorted(placed, key=lambda variant: variant.round)


def _axes(setting: Setting, model: ModelSpec, precision: Precision) -> dict[str, tuple[Any, ...]]:
    """Return the options that are not given, with the values to try."""
    options, stacks = setting.options, setting.evidence.stacks
    adapted = options.method in {"lora", "qlora"}
    narrow = precision not in {"fp32", "tf32"}
    usual = default_storage(precision, stacks.named(options.stack, "node"), Method())
    recipes = (None, *(kind for kind in ("autocast", "master") if kind != usual), "pure")
    tried: dict[str, tuple[Any, ...]] = {
        "method": ("full", "lora", "qlora") if narrow and adaptable(model) else ("full",),
        "recipe": recipes if narrow and not adapted else (None,),
        "optimizer": _OPTIMIZERS,
        "checkpointing": _checkpointing(setting, precision),
        "loss": ("plain", "chunked") if options.keep_logits else ("plain", "fused"),
        "offload": ("none", "optimizer", "all"),
    }
    return {name: values for name, values in tried.items() if not setting.fixed(name)}


def _checkpointing(setting: Setting, precision: Precision) -> tuple[str, ...]:
    """Return the values to try; ``selective`` only if there is something to recompute so."""
    stack = setting.options.stack
    by_operation = bool(stack and setting.evidence.stacks.stacks[stack].selective)
    written_out = attention_of(setting, precision) in {"math", "eager"}
    return ("none", "selective", "full") if by_operation or written_out else ("none", "full")


def attention_of(setting: Setting, precision: Precision) -> AttentionKind:
    """Return the attention kernel: the given one, else the stack's, else the best on this card."""
    options = setting.options
    own = setting.evidence.stacks.stacks[options.stack].attention if options.stack else None
    return options.attention or own or best_attention(setting.gpu.spec, precision)


def _stands_together(options: Options, variant: Variant) -> bool:
    """Whether this combination makes sense: adapters need default storage and optimizer."""
    if not _adapted(options, variant):
        return True
    open_choices = {"recipe": None, "optimizer": DEFAULT_OPTIMIZER}
    return all(variant.options.get(name, only) == only for name, only in open_choices.items())


def _is_last(options: Options, variant: Variant) -> bool:
    """Whether it is to be tried only where nothing else fits.

    Adapters have little state that could be moved. Narrow states are there to stay on the card; on
    a host they matter only where its memory is short.
    """
    narrow = variant.quality_cost > 0 and options.host_memory is None
    return variant.offloads and (narrow or _adapted(options, variant))


def _adapted(options: Options, variant: Variant) -> bool:
    return (options.method or variant.options.get("method")) in {"lora", "qlora"}
