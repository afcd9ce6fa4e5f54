"""Fill in what the user left out: options and catalog objects become a complete run.

Each value remembers its origin, so that a default is shown as a default.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gptbudget.core.arrays import where, whole
from gptbudget.core.implementation import implementation
from gptbudget.errors import UsageError
from gptbudget.run.job import batch_of, tokens_of
from gptbudget.run.layout import complete_layout, degrees_of, gpus_on_a_host, refuse_recipe
from gptbudget.run.machine import (
    GPUS_PER_NODE,
    AssumedMachine,
    default_network_gb_per_s,
    machine_of,
    node_of,
)
from gptbudget.run.origins import Resolver
from gptbudget.run.ranges import likely_range
from gptbudget.run.recipe import NamedStack, complete_recipe
from gptbudget.run.run import (
    BareSize,
    ComputeRun,
    CostAssumptions,
    FlopsAmount,
    Inputs,
    ModelRun,
    NamedGpu,
    NamedModel,
    Origin,
    Prediction,
    Run,
    RunContext,
    SizeAndTokens,
    Work,
)
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import HOST_OPTIONS, Options
from gptbudget.specs.recipe import Precision, Recipe
from gptbudget.specs.stack import DefaultFor, Speed, Stack
from gptbudget.specs.values import Convention, FlopsConvention, StackName
from gptbudget.units import YEAR_S

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile

_GOODPUT_OF_CLUSTERS = 0.9
GPUS_WITHOUT_LOSS = 8


def complete_run(
    options: Options,
    gpu: NamedGpu,
    work: Work,
    evidence: Evidence,
    context: RunContext = RunContext(),  # noqa: B008 - never changed
    *,
    origins: Mapping[str, Origin] | None = None,
) -> Run:
    """Complete one pair of accelerator and work.

    Raises:
        UsageError: values that cannot stand together, such as bf16 on a card without it.
    """
    if isinstance(work, NamedModel):
        return complete_model_run(options, gpu, work, evidence, context, origins=origins)
    return _complete_compute_run(Inputs(options, gpu, work, evidence, context, origins or {}), work)


def complete_model_run(
    options: Options,
    gpu: NamedGpu,
    work: NamedModel,
    evidence: Evidence,
    context: RunContext = RunContext(),  # noqa: B008 - never changed
    *,
    origins: Mapping[str, Origin] | None = None,
) -> ModelRun:
    """Complete one pair of accelerator and model.

    Raises:
        UsageError: values that cannot stand together, such as bf16 on a card without it.
    """
    resolver = Resolver(Inputs(options, gpu, work, evidence, context, origins or {}))
    model = work.spec
    _refuse_two_amounts(options)
    resolver.derived("gpu", gpu.key, "gpu")
    resolver.derived("model", work.asked or work.key, "model")
    degrees = degrees_of(resolver)
    gpus = degrees.gpus
    precision, peak = precision_and_peak(gpu, options.precision)
    resolver.value("precision", precision)
    tokens, notes = tokens_of(resolver, work)
    batch = batch_of(resolver, model, degrees.dp)
    software = _software(resolver, gpu.spec, model, precision, degrees, evidence)
    stack, recipe, layout = software
    refuse_recipe(layout, recipe, batch.seq_len)
    utilization = resolver.value("utilization", None)
    prediction = None
    if utilization is None and gpu.spec.segment != "historic":
        prediction = _prediction(resolver, gpu, peak, software, model, evidence, context.profiles)
    else:
        _refuse_network(options)
    on_host = gpus_on_a_host(
        resolver, gpus, matters=prediction is not None or recipe.offload != "none"
    )
    return ModelRun(
        gpu=gpu,
        layout=layout,
        gpus_on_host=on_host,
        usable_bytes=_usable_bytes(resolver, gpu.spec),
        host_memory_bytes=host_memory_bytes(options),
        work=work,
        tokens=tokens,
        horizon_s=resolver.value("time", float(YEAR_S)),
        seq_len=batch.seq_len,
        micro_batch=batch.micro_batch,
        global_batch_tokens=batch.global_batch_tokens,
        peak_flops_per_s=peak,
        recipe=recipe,
        stack=stack,
        implementation=implementation(model, stack, evidence.stacks, recipe.loss),
        convention=_convention(resolver),
        utilization=utilization,
        prediction=prediction,
        goodput=resolver.value("goodput", default_goodput(gpus, utilization)),
        cost=_cost_assumptions(resolver, gpu.spec, context.grid_g_per_kwh),
        require=context.require,
        catalogs=context.catalogs,
        origins=resolver.chosen_origins,
        values=resolver.chosen,
        inputs=resolver.inputs,
        notes=(
            *notes,
            *batch.notes,
            *_precision_notes(resolver, gpu, precision),
            *_network_notes(resolver, gpu, gpus),
        ),
    )


def _complete_compute_run(inputs: Inputs, work: BareSize | FlopsAmount) -> ComputeRun:
    """Complete one pair of accelerator and work without a shape."""
    resolver = Resolver(inputs)
    options, gpu, context = inputs.options, inputs.gpu, inputs.context
    _refuse_two_amounts(options)
    utilization = _given_utilization(options, work)
    resolver.derived("gpu", gpu.key, "gpu")
    if isinstance(work, BareSize):
        resolver.derived("model", work.key, "model")
    gpus = degrees_of(resolver).gpus
    precision, peak = precision_and_peak(gpu, options.precision)
    resolver.value("precision", precision)
    amount, notes = _amount(resolver, work)
    resolver.value("utilization", utilization)
    _refuse_network(options)
    gpus_on_a_host(resolver, gpus, matters=False)
    return ComputeRun(
        gpu=gpu,
        gpus=gpus,
        usable_bytes=_usable_bytes(resolver, gpu.spec),
        work=amount,
        horizon_s=resolver.value("time", float(YEAR_S)),
        peak_flops_per_s=peak,
        precision=precision,
        convention=_convention(resolver),
        utilization=utilization,
        goodput=resolver.value("goodput", default_goodput(gpus, utilization)),
        cost=_cost_assumptions(resolver, gpu.spec, context.grid_g_per_kwh),
        require=context.require,
        catalogs=context.catalogs,
        origins=resolver.chosen_origins,
        values=resolver.chosen,
        inputs=resolver.inputs,
        notes=(*notes, *_precision_notes(resolver, gpu, precision)),
    )


def _amount(
    resolver: Resolver, work: BareSize | FlopsAmount
) -> tuple[SizeAndTokens | FlopsAmount, tuple[str, ...]]:
    """How much is trained without a shape, and what was assumed on the way."""
    if isinstance(work, FlopsAmount):
        resolver.derived("flops", work.flops, "flops")
        return work, ()
    tokens, notes = tokens_of(resolver, work)
    return SizeAndTokens(work.key, work.parameters, tokens), notes


class _Software(NamedTuple):
    """How a model is trained."""

    stack: StackName
    recipe: Recipe
    layout: Layout


def _software(
    resolver: Resolver,
    gpu: GpuSpec,
    model: ModelSpec,
    precision: Precision,
    degrees: Layout,
    evidence: Evidence,
) -> _Software:
    """What the user left out, completed."""
    stack: StackName = resolver.value("stack", evidence.stacks.defaults[_kind_of(degrees)])
    named = NamedStack(stack, evidence.stacks.stacks[stack])
    layout = complete_layout(resolver, degrees, model, stack, named.spec)
    recipe = complete_recipe(resolver, gpu, model, precision, named, layout)
    for name in HOST_OPTIONS:
        if getattr(resolver.options, name) is not None:
            resolver.value(name, 0.0)
    return _Software(stack, recipe, layout)


def _cost_assumptions(
    resolver: Resolver, gpu: GpuSpec, grid_g_per_kwh: float | None
) -> CostAssumptions:
    options = resolver.options
    for name in ("grid", "data"):
        if getattr(options, name) is not None:
            resolver.value(name, None)
    return CostAssumptions(
        price_usd_per_hour=resolver.value("price", None, catalog=_cloud_price(gpu)),
        kwh_price_usd=resolver.value("kwh_price", None),
        power_w=resolver.value("power", None, catalog=gpu.tdp_w),
        pue=resolver.value("pue", 1.0),
        grid_g_per_kwh=grid_g_per_kwh,
        own=options.kwh_price is not None and options.price is None,
    )


def _precision_notes(resolver: Resolver, gpu: NamedGpu, precision: Precision) -> tuple[str, ...]:
    """Say when fp32 is taken only because nothing better is known."""
    if precision != "fp32" or resolver.options.precision is not None:
        return ()
    return (f"no 16-bit tensor peak of {gpu.key} is known, so its fp32 peak is taken",)


def _refuse_two_amounts(options: Options) -> None:
    given = [name for name in ("tokens", "data", "flops") if getattr(options, name) is not None]
    if len(given) > 1:
        raise UsageError(
            f"--{given[0]} and --{given[1]} both say how much to train", "give one of them"
        )


def _given_utilization(options: Options, work: BareSize | FlopsAmount) -> float:
    """What stands in for a shape."""
    if isinstance(work, FlopsAmount) and options.epochs is not None:
        raise UsageError("--epochs needs tokens, and --flops stands in for them", "drop one")
    if options.utilization is None:
        what = "a bare size" if isinstance(work, BareSize) else "an amount of FLOPs"
        raise UsageError(
            f"{what} has no shape to predict a utilization from",
            "add --utilization, for example --utilization 40%, or name a model",
        )
    if options.convention == "exact":
        raise UsageError(
            "--convention exact needs a model with a shape", "name a model of the catalog"
        )
    return options.utilization


def _refuse_network(options: Options) -> None:
    if options.network is not None:
        raise UsageError("--network has no effect where no time is predicted", "drop it")


def _convention(resolver: Resolver) -> Convention:
    """The convention of the headline."""
    known: dict[FlopsConvention, Convention] = {"6nd": "6nd", "exact": "exact"}
    chosen: FlopsConvention = resolver.value("convention", "6nd")
    if chosen in known:
        return known[chosen]
    raise UsageError(
        f"--convention {chosen} reads published figures", "a comparison takes 6nd or exact"
    )


def precision_and_peak(gpu: NamedGpu, wanted: Precision | None) -> tuple[Precision, float]:
    """The precision asked for, else the best of this card, and its dense peak in FLOP/s.

    Raises:
        UsageError: the card has no such peak.
    """
    precision = wanted or gpu.spec.best_precision
    known = ", ".join(gpu.spec.precisions) or "none"
    if precision is None:
        raise UsageError(f"{gpu.key} has no known bf16, fp16 or fp32 peak", f"known: {known}")
    peak = gpu.spec.peak_flops_per_s(precision)
    if peak is None:
        raise UsageError(f"{gpu.key} has no {precision} peak", f"it has {known}")
    return precision, peak


def _kind_of(layout: Layout) -> DefaultFor:
    """What decides which stack is the default."""
    if layout.tp > 1 or layout.pp > 1:
        return "cut"
    return "node" if layout.gpus <= GPUS_WITHOUT_LOSS else "nodes"


def default_goodput(gpus: Any, utilization: float | None) -> Any:
    """No loss up to one node, or when the utilization is given for the whole run."""
    return where(gpus <= GPUS_WITHOUT_LOSS, 1.0, 1.0 if utilization else _GOODPUT_OF_CLUSTERS)


def _network_notes(resolver: Resolver, gpu: NamedGpu, gpus: int) -> list[str]:
    """A network that was given, and that one accelerator of a grid does not need."""
    if resolver.options.network is None or "network" in resolver.chosen:
        return []
    return [f"--network is not used: {gpus} x {gpu.key} reach each other without it"]


def _prediction(
    resolver: Resolver,
    gpu: NamedGpu,
    peak: float,
    software: _Software,
    model: ModelSpec,
    evidence: Evidence,
    profiles: "Iterable[Profile]",
) -> Prediction:
    """What the time is predicted with."""
    stack, recipe, layout = software
    speed = evidence.stacks.stacks[stack].speed
    machine = _machine(resolver, gpu.spec, peak, layout, speed, recipe)
    return Prediction(
        machine,
        likely_range(gpu, machine, layout, recipe, stack, model, evidence),
        card_was_compared=gpu.key in evidence.compared_gpus,
        profiles={each.stack: each for each in profiles if each.gpu == gpu.key},
        other_stacks=_others(resolver, gpu.spec, layout.gpus, model, recipe, evidence),
    )


def _machine(
    resolver: Resolver,
    gpu: GpuSpec,
    peak: float,
    layout: Layout,
    speed: Speed,
    recipe: Recipe,
) -> AssumedMachine:
    """The accelerators, and what joins them."""
    per_node = resolver.options.gpus_per_node
    crosses = layout.gpus > node_of(gpu, per_node)
    network = resolver.options.network
    if crosses:
        network = resolver.value("network", default_network_gb_per_s(gpu))
    elif network is not None and layout.gpus <= (per_node or GPUS_PER_NODE):
        raise UsageError(
            f"--network has no effect: {layout.gpus} x {gpu.name} reach each other without it",
            "drop it, or give more --gpus",
        )
    network = network or default_network_gb_per_s(gpu)
    return machine_of(
        gpu,
        recipe.precision,
        peak,
        speed,
        network,
        layout.gpus,
        per_node,
        offload=recipe.uses_host,
    )


def _others(
    resolver: Resolver,
    gpu: GpuSpec,
    gpus: int,
    model: ModelSpec,
    recipe: Recipe,
    evidence: Evidence,
) -> dict[str, Stack]:
    """On one card at home, where software is a free choice, what each kind would reach."""
    at_home = gpu.segment in {"consumer", "laptop"} and gpus == 1
    if not at_home or resolver.options.stack is not None:
        return {}
    dense = recipe.method.kind == "full" and not model.experts
    return {
        name: stack
        for name, stack in evidence.stacks.stacks.items()
        if stack.compared_at_home and (dense or not stack.dense_only)
    }


def _cloud_price(gpu: GpuSpec) -> float | None:
    """The headline price of an hour, else the median offer."""
    return gpu.rent_per_hour.usd if gpu.rent_per_hour else None


def host_memory_bytes(options: Options) -> int | None:
    """What an offload may take, less what the user reserves; ``None`` where it has no limit.

    Raises:
        UsageError: nothing is left, or no host memory is given to reserve a part of.
    """
    if options.host_memory is None:
        if options.reserve_host is not None:
            raise UsageError("--reserve-host has no effect without --host-memory", "add it")
        return None
    left: int = whole(options.host_memory - (options.reserve_host or 0))
    if left <= 0:
        raise UsageError("--reserve-host leaves nothing of --host-memory", "lower it")
    return left


def _usable_bytes(resolver: Resolver, gpu: GpuSpec) -> int | None:
    """What the driver reports, else the capacity, less what the user reserves, in whole bytes."""
    total = resolver.value("gpu_memory", None, catalog=gpu.memory_bytes)
    reserve = resolver.value("reserve", 0.0)
    if total is None:
        return None
    usable: int = whole(total - reserve)
    if usable <= 0:
        raise UsageError(
            f"--reserve leaves nothing of the {total / 2**30:.2f} GiB of {gpu.name}", "lower it"
        )
    return usable
