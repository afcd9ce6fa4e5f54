"""Build a complete run from options and catalog entries; missing options get defaults.

Each value remembers its origin, so that a default is shown as a default.
"""

from typing import Any

from gptbudget.core.arrays import where, whole
from gptbudget.core.step import implementation
from gptbudget.errors import UsageError
from gptbudget.run.batch import batch_of, tokens_of
from gptbudget.run.layout import complete_layout, degrees_of, gpus_on_a_host, refuse_recipe
from gptbudget.run.machine import GPUS_PER_NODE, default_network_gb_per_s, machine_of, node_of
from gptbudget.run.origins import Resolver, refuse_two, refuse_unused
from gptbudget.run.ranges import likely_range
from gptbudget.run.recipe import complete_recipe
from gptbudget.run.run import (
    BareSize,
    ComputeRun,
    CostAssumptions,
    FlopsAmount,
    ModelRun,
    NamedGpu,
    NamedModel,
    Prediction,
    Run,
    Setting,
    Work,
)
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import HOST_OPTIONS, Options
from gptbudget.specs.recipe import Precision, Recipe
from gptbudget.specs.stack import DefaultFor, Stack
from gptbudget.specs.values import Convention, FlopsConvention, StackName
from gptbudget.units import YEAR_S

_GOODPUT_OF_CLUSTERS = 0.9
_AMOUNTS = ("tokens", "data", "flops")
GPUS_WITHOUT_LOSS = 8


def complete_run(setting: Setting, work: Work) -> Run:
    """Complete one pair of accelerator and work.

    Raises:
        UsageError: values that cannot stand together, such as bf16 on a card without it.
    """
    if isinstance(work, NamedModel):
        return complete_model_run(setting, work)
    return _complete_compute_run(setting, work)


def complete_model_run(setting: Setting, work: NamedModel) -> ModelRun:
    """Complete one pair of accelerator and model; raises what :func:`complete_run` does."""
    options, gpu, model, stacks = setting.options, setting.gpu, work.spec, setting.evidence.stacks
    resolver = Resolver(setting)
    refuse_two(options, _AMOUNTS, "say how much to train")
    resolver.derived("gpu", gpu.key, "gpu")
    resolver.derived("model", work.asked or work.key, "model")
    degrees = degrees_of(resolver)
    precision, peak = precision_and_peak(gpu, options.precision)
    resolver.value("precision", precision)
    tokens, notes = tokens_of(resolver, work)
    batch = batch_of(resolver, model, degrees.dp)
    name: StackName = resolver.value("stack", stacks.defaults[_kind_of(degrees)])
    stack = stacks.stacks[name]
    layout = complete_layout(resolver, degrees, model, stack)
    recipe = complete_recipe(resolver, model, precision, stack, layout)
    resolver.given(*HOST_OPTIONS)
    refuse_recipe(layout, recipe, batch.seq_len)
    utilization = resolver.value("utilization", None)
    prediction = None
    if utilization is None and gpu.spec.segment != "historic":
        prediction = _prediction(resolver, model, name, recipe, layout, peak)
    else:
        refuse_unused(options, ["network"], "where no time is predicted", "drop it")
    on_host = gpus_on_a_host(
        resolver, layout.gpus, matters=prediction is not None or recipe.offload != "none"
    )
    return ModelRun(
        work=work,
        layout=layout,
        gpus_on_host=on_host,
        host_memory_bytes=host_memory_bytes(options),
        tokens=tokens,
        seq_len=batch.seq_len,
        micro_batch=batch.micro_batch,
        global_batch_tokens=batch.global_batch_tokens,
        recipe=recipe,
        stack=name,
        implementation=implementation(model, name, stacks, recipe.loss),
        utilization=utilization,
        prediction=prediction,
        notes=(
            *notes,
            *batch.notes,
            *_precision_notes(setting, precision),
            *_network_notes(resolver, layout.gpus),
        ),
        **_basis(resolver, layout.gpus, peak, utilization),
    )


def _complete_compute_run(setting: Setting, work: BareSize | FlopsAmount) -> ComputeRun:
    """Complete one pair of accelerator and work without a model architecture."""
    options = setting.options
    resolver = Resolver(setting)
    refuse_two(options, _AMOUNTS, "say how much to train")
    utilization = _given_utilization(options, work)
    resolver.derived("gpu", setting.gpu.key, "gpu")
    if isinstance(work, BareSize):
        resolver.derived("model", work.key, "model")
    gpus = degrees_of(resolver).gpus
    precision, peak = precision_and_peak(setting.gpu, options.precision)
    resolver.value("precision", precision)
    tokens: float | None = None
    notes: tuple[str, ...] = ()
    if isinstance(work, BareSize):
        tokens, notes = tokens_of(resolver, work)
    else:
        resolver.derived("flops", work.flops, "flops")
    resolver.value("utilization", utilization)
    refuse_unused(options, ["network"], "where no time is predicted", "drop it")
    gpus_on_a_host(resolver, gpus, matters=False)
    return ComputeRun(
        work=work,
        tokens=tokens,
        gpus=gpus,
        precision=precision,
        utilization=utilization,
        notes=(*notes, *_precision_notes(setting, precision)),
        **_basis(resolver, gpus, peak, utilization),
    )


def _basis(resolver: Resolver, gpus: int, peak: float, utilization: float | None) -> dict[str, Any]:
    """The fields that every run has."""
    return {
        "setting": resolver.setting,
        "usable_bytes": _usable_bytes(resolver),
        "horizon_s": resolver.value("time", float(YEAR_S)),
        "peak_flops_per_s": peak,
        "convention": _convention(resolver),
        "goodput": resolver.value("goodput", default_goodput(gpus, utilization)),
        "cost": _cost_assumptions(resolver),
        "origins": resolver.chosen_origins,
        "values": resolver.chosen,
    }


def _cost_assumptions(resolver: Resolver) -> CostAssumptions:
    setting, gpu = resolver.setting, resolver.setting.gpu.spec
    resolver.given("grid", "data")
    rent = gpu.rent_per_hour.usd if gpu.rent_per_hour else None
    return CostAssumptions(
        price_usd_per_hour=resolver.value("price", None, catalog=rent),
        kwh_price_usd=resolver.value("kwh_price", None),
        power_w=resolver.value("power", None, catalog=gpu.tdp_w),
        pue=resolver.value("pue", 1.0),
        grid_g_per_kwh=setting.context.grid_g_per_kwh,
        own=setting.fixed("kwh_price") and not setting.fixed("price"),
    )


def _precision_notes(setting: Setting, precision: Precision) -> tuple[str, ...]:
    """Say when fp32 is taken only because nothing better is known."""
    if precision != "fp32" or setting.fixed("precision"):
        return ()
    return (f"no 16-bit tensor peak of {setting.gpu.key} is known, so its fp32 peak is taken",)


def _given_utilization(options: Options, work: BareSize | FlopsAmount) -> float:
    """Return the utilization, which must be given where no architecture predicts it."""
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


def _convention(resolver: Resolver) -> Convention:
    """The convention of the headline."""
    chosen: FlopsConvention = resolver.value("convention", "6nd")
    match chosen:
        case "6nd" | "exact":
            return chosen
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
    """The kind of layout that selects the default stack: ``cut``, ``node`` or ``nodes``."""
    if layout.tp > 1 or layout.pp > 1:
        return "cut"
    return "node" if layout.gpus <= GPUS_WITHOUT_LOSS else "nodes"


def default_goodput(gpus: Any, utilization: float | None) -> Any:
    """Default goodput: 1 up to one node or with a given utilization, else 0.9."""
    return where(gpus <= GPUS_WITHOUT_LOSS, 1.0, 1.0 if utilization else _GOODPUT_OF_CLUSTERS)


def _network_notes(resolver: Resolver, gpus: int) -> list[str]:
    """A note that ``--network`` was given but this accelerator does not use it."""
    if resolver.options.network is None or "network" in resolver.chosen:
        return []
    gpu = resolver.setting.gpu.key
    return [f"--network is not used: {gpus} x {gpu} reach each other without it"]


def _prediction(
    resolver: Resolver,
    model: ModelSpec,
    stack: StackName,
    recipe: Recipe,
    layout: Layout,
    peak: float,
) -> Prediction:
    """Return everything the step-time model needs for this run."""
    gpu, evidence = resolver.setting.gpu, resolver.setting.evidence
    machine = machine_of(
        gpu.spec,
        recipe.precision,
        peak,
        evidence.stacks.stacks[stack].speed,
        _network_gb_per_s(resolver, layout.gpus),
        layout.gpus,
        resolver.options.gpus_per_node,
        offload=recipe.uses_host,
    )
    profiles = resolver.setting.context.profiles
    return Prediction(
        machine,
        likely_range(gpu, machine, layout, recipe, stack, model, evidence),
        profiles={each.stack: each for each in profiles if each.gpu == gpu.key},
        other_stacks=_other_stacks(resolver.setting, layout.gpus, model, recipe),
    )


def _network_gb_per_s(resolver: Resolver, gpus: int) -> float:
    """What joins nodes; refused where it was given and no host has so few accelerators."""
    gpu, per_node = resolver.setting.gpu.spec, resolver.options.gpus_per_node
    given, default = resolver.options.network, default_network_gb_per_s(gpu)
    if gpus > node_of(gpu, per_node):
        return resolver.value("network", default)
    if given is not None and gpus <= (per_node or GPUS_PER_NODE):
        raise UsageError(
            f"--network has no effect: {gpus} x {gpu.name} reach each other without it",
            "drop it, or give more --gpus",
        )
    return given or default


def _other_stacks(
    setting: Setting, gpus: int, model: ModelSpec, recipe: Recipe
) -> dict[str, Stack]:
    """Other stacks to show beside the run: of one consumer GPU whose stack was not given."""
    at_home = setting.gpu.spec.segment in {"consumer", "laptop"} and gpus == 1
    if not at_home or setting.fixed("stack"):
        return {}
    dense = recipe.method.kind == "full" and not model.experts
    return {
        name: stack
        for name, stack in setting.evidence.stacks.stacks.items()
        if stack.compared_at_home and (dense or not stack.dense_only)
    }


def host_memory_bytes(options: Options) -> int | None:
    """Return the host memory for offloading, minus the reserve; ``None`` if it is not limited.

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


def _usable_bytes(resolver: Resolver) -> int | None:
    """Usable bytes: what the driver reports, else the nominal capacity, minus the reserve."""
    gpu = resolver.setting.gpu.spec
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
