"""Time and memory of every layout of a program, in one pass over arrays.

Each axis of a program is an axis of the arrays, so that what depends on few of them is computed
for few of them: gpus x micro-batches x context x tensor degrees x pipelines.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gptbudget.core.cost import delivered_flops_per_s, wall_clock_s
from gptbudget.core.memory.overhead import overhead_parts
from gptbudget.core.memory.timeline import peak_bytes
from gptbudget.core.step import TrainingStep
from gptbudget.core.time.step import step_time
from gptbudget.run.complete import default_goodput
from gptbudget.run.estimate import cost_of, required_compute
from gptbudget.run.machine import GPUS_PER_NODE
from gptbudget.run.run import ModelRun
from gptbudget.search.layouts import LayoutFamily
from gptbudget.specs.options import Options
from gptbudget.specs.stack import AttentionKind

BATCH_TOLERANCE = 0.1
"""Allowed relative deviation from the global batch if that is a default."""

_FEW = 0.15
"""If a smaller share of the grid is valid, only a list of the valid ones is evaluated."""


class Degrees(NamedTuple):
    """Every axis as an array with its own dimension; ``dp`` follows from the others."""

    gpus: Any
    micro_batch: Any
    cp: Any
    tp: Any
    pp: Any
    vp: Any
    dp: Any
    divides: Any
    """Where degrees multiply to the number of GPUs; elsewhere ``dp`` is one."""


class LayoutGrid(NamedTuple):
    """Every candidate of a program, and which of them obey all rules."""

    kind: LayoutFamily
    degrees: Degrees
    micro_batches: Any
    candidates: int
    obeyed: Mapping[str, bool]
    """By rule, whether it holds anywhere."""
    valid: Any
    """Mask, in the full shape, of the candidates that satisfy all rules."""

    def one(self, position: int) -> dict[str, int]:
        """The degrees of the candidate at a position of the flattened arrays."""
        degrees = {
            name: np.broadcast_to(getattr(self.degrees, name), self.valid.shape).item(position)
            for name in ("gpus", "micro_batch", "cp", "tp", "pp", "vp")
        }
        return {**degrees, "ep": self.kind.ep}


class Evaluated(NamedTuple):
    """Amounts of every candidate, each spread to the full shape."""

    peak_bytes: Any
    """The whole bill, gradients accumulated where a step has several micro-batches."""
    host_bytes: Any
    """Of one host."""
    fits: Any
    wall_clock_s: Any
    gpus: Any
    usd: Any
    """``None`` without a price, as the energy without a power."""
    energy_kwh: Any


def degrees_of(kind: LayoutFamily) -> Degrees:
    """The axes of a program, spread over dimensions."""

    def axis(values: Any, dimension: int) -> Any:
        shape = [1] * 5
        shape[dimension] = -1
        return np.array(values, dtype=np.int64).reshape(shape)

    axes = kind.axes
    gpus, micro_batch = axis(axes.gpus, 0), axis(axes.micro_batch, 1)
    cp = axis(axes.cp, 2)
    tp = 1 if axes.tp == (1,) else axis(axes.tp, 3)
    stages, chunks = zip(*axes.pipelines, strict=True)
    one, many = len(axes.pipelines) == 1, kind.pipeline == "more"
    pp = axis(stages, 4) if many and not one else stages[0]
    vp = chunks[0] if one else axis(chunks, 4)
    ways = cp * tp * pp
    divides = gpus % ways == 0
    return Degrees(gpus, micro_batch, cp, tp, pp, vp, np.where(divides, gpus // ways, 1), divides)


def lay_out(
    kind: LayoutFamily,
    options: Options,
    seq_len: int,
    wanted_tokens: int,
    attention: AttentionKind,
    *,
    raised: bool = False,
) -> LayoutGrid:
    """The candidates of a program.

    ``wanted_tokens`` is the global batch, ``raised`` if needed to one micro-batch per replica.
    """
    of = degrees_of(kind)
    replica_tokens = of.micro_batch * seq_len * of.dp
    micro_batches = np.maximum(1, np.rint(wanted_tokens / replica_tokens)).astype(np.int64)
    of_wanted = micro_batches * replica_tokens / wanted_tokens
    obeyed = {
        **_rules(kind, options, of, seq_len, attention),
        **_batch_rule(options, of, of_wanted, raised=raised),
    }
    if kind.pipeline != "none":
        rule = "micro-batches of a step over --pp, as --vp needs it"
        obeyed[rule] = (of.vp == 1) | (micro_batches % of.pp == 0)
    shape = np.broadcast_shapes(*(np.shape(each) for each in of))
    valid = np.ones(shape, dtype=bool)
    for holds in obeyed.values():
        valid &= holds
    anywhere = {rule: bool(np.any(holds)) for rule, holds in obeyed.items()}
    laid = LayoutGrid(kind, of, micro_batches, valid.size, anywhere, valid)
    return _only_valid(laid) if valid.mean() < _FEW else laid


def _only_valid(laid: LayoutGrid) -> LayoutGrid:
    """Return a one-dimensional grid of the valid candidates only."""
    valid = laid.valid

    def picked(each: Any) -> Any:
        return np.broadcast_to(each, valid.shape)[valid] if np.ndim(each) else each

    return laid._replace(
        degrees=Degrees(*map(picked, laid.degrees)),
        micro_batches=picked(laid.micro_batches),
        valid=np.ones(int(valid.sum()), dtype=bool),
    )


@np.errstate(divide="ignore", invalid="ignore")
def evaluate(run: ModelRun, laid: LayoutGrid) -> Evaluated:
    """Evaluate a program; ``run`` is one of its candidates, completed.

    Invalid candidates are computed too, and their values may be NaN.
    """
    of = laid.degrees
    layout = run.layout._replace(dp=of.dp, tp=of.tp, pp=of.pp, vp=of.vp, cp=of.cp)
    step = run.step._replace(
        micro_batch=of.micro_batch, layout=layout, micro_batches=laid.micro_batches
    )
    peak, host = _memory(run, step)
    seconds = _seconds(run, step, of.gpus)
    fits = peak <= (np.inf if run.usable_bytes is None else run.usable_bytes)
    if run.host_memory_bytes is not None:
        fits = fits & (host <= run.host_memory_bytes)
    amounts = (peak, host, fits, seconds, of.gpus)
    peak, host, fits, seconds, gpus = np.broadcast_arrays(*amounts, laid.valid)[:-1]
    cost = cost_of(run.cost, gpus, seconds)
    return Evaluated(peak, host, fits, seconds, gpus, cost.usd, cost.energy_kwh)


def _rules(
    kind: LayoutFamily, options: Options, of: Degrees, seq_len: int, attention: AttentionKind
) -> dict[str, Any]:
    """Return the divisibility rules as masks, keyed by their description.

    Without several ranks only ZeRO 0 is valid, so that no layout is counted twice.
    """
    rules = {"the degrees over --gpus": of.divides}
    if options.dp:
        rules[f"--dp {options.dp}"] = of.dp == options.dp
    if options.dp_shard:
        rules[f"--dp-shard {options.dp_shard} over the replicas"] = of.dp % options.dp_shard == 0
    if kind.ep > 1:
        inside = (options.dp_shard or of.dp) * of.cp * of.tp
        rules["--ep over the GPUs of a stage"] = inside % kind.ep == 0
    if attention in {"math", "eager"}:
        rules[f"--cp with {attention} attention"] = of.cp == 1
    pieces = of.cp * (of.tp if kind.sequence_parallel else 1)
    rules[f"--seq-len {seq_len} over the ranks that cut it"] = seq_len % pieces == 0
    if kind.zero and options.zero is None:
        rules["ZeRO over several ranks"] = of.dp * of.cp > 1
    return rules


def _batch_rule(options: Options, of: Degrees, of_wanted: Any, *, raised: bool) -> dict[str, Any]:
    """The rule for the global batch: exact if given, else near the default."""
    if options.global_batch_tokens:
        return {f"--global-batch-tokens {options.global_batch_tokens}": of_wanted == 1}
    near = np.abs(of_wanted - 1) <= BATCH_TOLERANCE
    least = (raised | (of.dp == 1)) & (of.micro_batch == 1) & (of_wanted > 1)
    return {"the tokens of a step, which are a default (--global-batch-tokens)": near | least}


def _memory(run: ModelRun, step: TrainingStep) -> tuple[Any, Any]:
    """Return peak GPU memory and host memory of each candidate, in bytes."""
    if run.recipe.optimizer_impl == "in-backward":
        return _peak(run, step, accumulate=False)
    many = step.micro_batches > 1
    summed = _peak(run, step, accumulate=True)
    if step.stack.keeps_gradients or many.all():
        return summed
    once = _peak(run, step._replace(micro_batches=1), accumulate=False)
    peak, host = (np.where(many, *pair) for pair in zip(summed, once, strict=True))
    return peak, host


def _peak(run: ModelRun, step: TrainingStep, *, accumulate: bool) -> tuple[Any, Any]:
    bill = peak_bytes(step._replace(recipe=run.recipe._replace(accumulate=accumulate)))
    assert bill is not None
    peak, host = bill
    capability = run.gpu.spec.compute_capability
    on_host = np.minimum(step.layout.gpus, run.values.get("gpus_per_node", GPUS_PER_NODE))
    return peak + overhead_parts(peak, capability, step.layout).total, host * on_host


def _seconds(run: ModelRun, step: TrainingStep, gpus: Any) -> Any:
    """Wall clock of each candidate."""
    goodput = run.goodput
    if not run.asked("goodput"):
        goodput = default_goodput(gpus, run.utilization)
    prediction = run.prediction
    if prediction is None:
        rate = delivered_flops_per_s(gpus, run.peak_flops_per_s, run.utilization, goodput)
        return wall_clock_s(required_compute(run).required_flops, rate)
    step_s = step_time(step, prediction.machine.rates).total
    steps = run.tokens / (step.micro_batch * run.seq_len * step.layout.dp * step.micro_batches)
    return steps * step_s * run.time_factor() / goodput
