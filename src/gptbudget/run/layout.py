"""The layout of a run over several GPUs: fill in defaults and reject invalid layouts."""

from gptbudget.core.memory.placement import ENDS_AS_LAYERS
from gptbudget.errors import UsageError
from gptbudget.run.machine import GPUS_PER_NODE
from gptbudget.run.origins import Resolver
from gptbudget.specs.layout import Layout, Zero
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import LAYOUT_OPTIONS
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stack
from gptbudget.specs.values import StackName

_DEGREES = ("dp", "tp", "pp", "cp")
"""Their product is the number of GPUs. Expert parallelism uses GPUs within these groups."""


def degrees_of(resolver: Resolver) -> Layout:
    """Return the degrees of parallelism; their product is the number of GPUs.

    Raises:
        UsageError: the degrees do not multiply to the number of GPUs.
    """
    options = resolver.options
    tp, pp, cp = options.tp or 1, options.pp or 1, options.cp or 1
    ways = tp * pp * cp
    gpus = resolver.value("gpus", (options.dp or 1) * ways)
    dp = options.dp or gpus // ways
    if dp * ways != gpus:
        given = [
            f"--{name} {getattr(options, name)}" for name in _DEGREES if getattr(options, name)
        ]
        product = (options.dp or 1) * ways
        relation = "is not" if options.dp else "does not divide"
        equals = f" = {product}" if len(given) > 1 else ""
        raise UsageError(
            f"{' x '.join(given)}{equals} {relation} --gpus {gpus}",
            "give degrees that multiply to the number of GPUs",
        )
    return Layout(dp=dp, tp=tp, pp=pp, vp=options.vp or 1, cp=cp, ep=options.ep or 1)


def complete_layout(resolver: Resolver, degrees: Layout, model: ModelSpec, stack: Stack) -> Layout:
    """Complete the layout of one run; a single GPU has no layout options unless the user gave one.

    Raises:
        UsageError: a degree does not divide what it splits, or an option has no effect.
    """
    _refuse_what_does_not_divide(resolver, degrees, model)
    _refuse_stages(degrees, model, resolver.chosen["stack"], stack)
    if degrees.gpus == 1 and not any(map(resolver.setting.fixed, LAYOUT_OPTIONS)):
        return degrees
    for name in ("dp", "tp", "pp", "vp", "cp", "ep"):
        resolver.value(name, getattr(degrees, name))
    layout = degrees._replace(
        zero=resolver.value("zero", default_zero(degrees, stack)),
        sequence_parallel=resolver.value("sequence_parallel", default=False),
        dp_shard=resolver.options.dp_shard,
    )
    if layout.sequence_parallel and layout.tp == 1:
        raise UsageError("--sequence-parallel has no effect without --tp", "add --tp, or drop it")
    if layout.dp_shard is not None:
        message = f"--dp-shard {layout.dp_shard} does not divide --dp {layout.dp}"
        _refuse_remainder(layout.dp, layout.dp_shard, message)
        if not layout.zero:
            raise UsageError("--dp-shard shares nothing with --zero 0", "add --zero 1, 2 or 3")
    resolver.given("dp_shard")
    return layout


def default_zero(layout: Layout, stack: Stack) -> Zero:
    """Default ZeRO stage: the stack's own with data parallelism alone, else 1."""
    if layout.gpus == 1:
        return 0
    return 1 if layout.tp > 1 or layout.pp > 1 else stack.default_zero


def refuse_recipe(layout: Layout, recipe: Recipe, seq_len: int) -> None:
    """Refuse ranks that do not divide the sequence, and ``--cp`` with math or eager attention."""
    if layout.cp > 1 and recipe.attention in {"math", "eager"}:
        raise UsageError(
            f"--cp {layout.cp} cannot cut attention that is written out ({recipe.attention})",
            "use --attention flash",
        )
    ways = layout.sequence_ranks
    if seq_len % ways:
        shared = f" x --tp {layout.tp} with --sequence-parallel" if ways > layout.cp else ""
        cut = f"--cp {layout.cp}{shared}" if layout.cp > 1 else shared.removeprefix(" x ")
        raise UsageError(f"{cut} does not divide --seq-len {seq_len}", "change one of them")


def gpus_on_a_host(resolver: Resolver, gpus: int, *, matters: bool) -> int:
    """How many GPUs share a host; ``matters`` if an offload or a predicted time depends on it.

    Raises:
        UsageError: it was given, and nothing depends on it.
    """
    given = resolver.options.gpus_per_node
    matters = matters and gpus > 1
    if given is not None and not matters:
        why = "on one GPU" if gpus == 1 else "with --utilization and without --offload"
        raise UsageError(f"--gpus-per-node has no effect {why}", "drop it")
    if matters:
        resolver.value("gpus_per_node", GPUS_PER_NODE)
    return min(gpus, given or GPUS_PER_NODE)


def _refuse_stages(layout: Layout, model: ModelSpec, name: StackName, stack: Stack) -> None:
    pp, vp = layout.pp, layout.vp
    least = stack.interleaves_from
    if vp > 1 and least is None:
        raise UsageError(f"the {name} stack does not interleave pipeline stages", "drop --vp")
    if vp > 1 and pp == 1:
        raise UsageError("--vp interleaves pipeline stages, and there is one", "add --pp")
    if vp > 1 and least is not None and pp < least:
        raise UsageError(
            f"the {name} stack interleaves {least} pipeline stages or more, and --pp is {pp}",
            f"give --pp {least} or more, or drop --vp",
        )
    most = model.layers + (ENDS_AS_LAYERS if stack.split == "ends" else 0)
    if pp > model.layers or pp * vp > most:
        chunks = f" x --vp {vp} = {pp * vp} chunks" if vp > 1 else ""
        raise UsageError(
            f"--pp {pp}{chunks} is more than the {model.layers} layers of {model.name}",
            f"give at most {model.layers if vp == 1 else most}",
        )


def _refuse_what_does_not_divide(resolver: Resolver, layout: Layout, model: ModelSpec) -> None:
    tp, ep = f"--tp {layout.tp}", f"--ep {layout.ep}"
    for size, what in (
        (model.attention.heads, "heads"),
        (model.kv_heads, "key-value heads"),
        (model.ffn_width, "channels of the feed-forward network"),
    ):
        message = f"{tp} does not divide the {size} {what} of {model.name}"
        _refuse_remainder(size, layout.tp, message)
    if resolver.options.ep is None or layout.ep == 1:
        return
    if model.experts is None:
        raise UsageError(f"{ep} spreads experts, and {model.name} has none", "drop it")
    count = model.experts.count
    _refuse_remainder(count, layout.ep, f"{ep} does not divide the {count} experts of {model.name}")
    inside = (resolver.options.dp_shard or layout.dp) * layout.cp * layout.tp
    what = "GPUs of a pipeline stage that it lies in"
    _refuse_remainder(inside, layout.ep, f"{ep} does not divide the {inside} {what}")


def _refuse_remainder(size: int, degree: int, message: str) -> None:
    if size % degree:
        raise UsageError(message, "choose a divisor")
