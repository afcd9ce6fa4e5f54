"""Score predicted speeds, a constant utilization, and calibration by one logged step."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from gptbudget.core.conventions import CONVENTIONS, convention_flops_per_token
from gptbudget.core.flops import train_flops_per_token
from gptbudget.core.parameters import count_parameters
from gptbudget.evidence.published import PublishedRun, PublishedSpeed
from gptbudget.evidence.score import Group, Score, grouped, known_by_group
from gptbudget.run.estimate import step_parts
from gptbudget.run.run import TRANSFERRED, ModelRun
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec

_SIZES = ((0.5e9, "under 0.5B"), (2e9, "0.5B to 2B"), (10e9, "2B to 10B"), (50e9, "10B to 50B"))
_LARGEST = "over 50B"
_GPUS_PER_NODE = 8
_HARDWARE = {
    "Ampere GA100": "A100",
    "Hopper": "H100 and H200",
    "Blackwell (GB100)": "B200 and later",
    "Blackwell Ultra": "B200 and later",
    "TPU": "TPU",
    **dict.fromkeys(("Volta", "Pascal", "Maxwell", "Turing"), "V100 and older"),
}
"""By the beginning of the architecture's name."""
_APART = {"TPU": "TPUs", "V100 and older": "old cards"}
"""Hardware whose dense 16-bit runs are scored as a separate family."""


class ScoredSpeed(NamedTuple):
    """One published speed and ours, in tokens/s of all accelerators."""

    id: str
    source: str
    group: Group
    """``family``, ``hardware``, ``size``, ``layout``, ``precision``, ``stack``, ``card``."""
    predicted: float
    published: float
    low: float
    high: float
    """Ends of the likely range of tokens/s."""
    published_mfu: float
    """In exact FLOPs with full attention: the utilization a constant model would need."""
    assumed_input: str | None
    seconds: Mapping[str, float]
    """Of one step, by part."""

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1

    @property
    def keys(self) -> dict[str, str]:
        """What the row may be grouped by."""
        inputs = "assumed" if self.assumed_input else "complete"
        return {"source": self.source, "inputs": inputs, **dict(self.group)}

    @property
    def inside(self) -> bool:
        """Whether the published speed lies in the likely range."""
        return self.low <= self.published <= self.high


def score_speed(row: PublishedRun, run: ModelRun) -> ScoredSpeed | None:
    """Score one published speed; ``None`` where nothing was published or is predicted."""
    if row.speed is None or run.prediction is None:
        return None
    model, likely = run.work.spec, run.prediction.time_range
    parts = step_parts(run.step, run.prediction)
    predicted = run.step_tokens / float(parts.total)
    published = tokens_per_s(row.speed, run)
    exact = train_flops_per_token(model, run.seq_len, "full", run.recipe.method).total
    return ScoredSpeed(
        row.id,
        row.source,
        _group(run, model),
        predicted,
        published,
        predicted / likely.high,
        predicted / likely.low,
        float(published * exact / (run.gpus * run.peak_flops_per_s)),
        row.assumed_input,
        {name: float(seconds) for name, seconds in parts.items()},
    )


def tokens_per_s(speed: PublishedSpeed, run: ModelRun) -> float:
    """A published speed as tokens/s of all accelerators, by its own convention.

    Narayanan et al. 2021 print 138 TFLOP/s for a 145.6B GPT on 1,536 A100, recomputation counted:
    their equation 3 makes that 185,000 tokens/s.
    """
    if speed.kind == "tokens_per_s":
        return speed.value
    if speed.kind == "tokens_per_s_per_gpu":
        return speed.value * run.gpus
    if speed.kind == "step_s":
        return run.step_tokens / speed.value
    convention = next(name for name in CONVENTIONS if name == speed.convention)
    flops = convention_flops_per_token(run.work.spec, run.seq_len, convention)
    rate = speed.value * 1e12
    if speed.kind == "mfu":
        assert speed.peak_flops_per_s is not None
        rate = speed.value * speed.peak_flops_per_s
    return rate * run.gpus / flops


def _group(run: ModelRun, model: ModelSpec) -> Group:
    return (
        ("family", _family(run, model)),
        ("hardware", hardware_of(run.gpu.spec)),
        ("size", _size(count_parameters(model).active)),
        ("layout", _layout(run.layout)),
        ("precision", run.recipe.precision),
        ("stack", run.stack),
        ("card", run.gpu.key),
    )


def _family(run: ModelRun, model: ModelSpec) -> str:
    """The family of a run; ``dense`` is 16 bit, all weights trained, on Ampere or later."""
    if run.recipe.method.has_adapters:
        return "adapters"
    if model.experts is not None:
        return "experts"
    if run.recipe.precision in {"fp8", "fp4"}:
        return "fp8 and fp4"
    return _APART.get(hardware_of(run.gpu.spec), "dense")


def hardware_of(gpu: GpuSpec) -> str:
    """The family of an accelerator, as one constant utilization would be quoted for it."""
    architecture = gpu.architecture or ""
    family = next((name for name in _HARDWARE if architecture.startswith(name)), None)
    if family is not None:
        return _HARDWARE[family]
    if gpu.segment in {"consumer", "laptop"}:
        return "GeForce"
    return "workstation and L40S" if gpu.vendor == "NVIDIA" else "others"


def _size(parameters: float) -> str:
    return next((name for limit, name in _SIZES if parameters < limit), _LARGEST)


def _layout(layout: Layout) -> str:
    if layout.pp > 1:
        return "tensor and pipeline" if layout.tp > 1 else "pipeline"
    if layout.tp > 1:
        return "tensor"
    if layout.gpus == 1:
        return "one GPU"
    return "data, one node" if layout.gpus <= _GPUS_PER_NODE else "data, many nodes"


def constant_errors(rows: Sequence[ScoredSpeed]) -> list[float | None]:
    """Predicted over published, less one, with the best constant utilization of the hardware.

    This is the best that a calculator without a step-time model can do: the median of all
    published utilizations of the same hardware and stack, else of the same hardware, else of
    everything, each without the row's own source; ``None`` where there are no others.
    """
    known = [(_alike(row), math.log(row.published_mfu)) for row in rows]

    @cache
    def best(source: str, hardware: str, stack: str) -> float | None:
        others = [(alike, log) for alike, log in known if alike[0] != source]
        same = [(alike, log) for alike, log in others if alike[1] == hardware]
        own = [(alike, log) for alike, log in same if alike[2] == stack]
        logs = [log for _, log in own or same or others]
        return math.exp(statistics.median(logs)) if logs else None

    constants = [best(*_alike(row)) for row in rows]
    return [
        None if constant is None else constant / row.published_mfu - 1
        for constant, row in zip(constants, rows, strict=True)
    ]


def _alike(row: ScoredSpeed) -> tuple[str, str, str]:
    keys = row.keys
    return row.source, keys["hardware"], keys["stack"]


def constant_scores(rows: Sequence[ScoredSpeed], names: Sequence[str]) -> dict[Group, Score]:
    """What the constants of ``rows`` miss in each group of them that has one."""
    return known_by_group(rows, constant_errors(rows), names)


def constant_score(rows: Sequence[ScoredSpeed]) -> Score | None:
    """The same of all together; ``None`` where they are of one source."""
    return constant_scores(rows, ()).get(())


_NAMES = ("source", "family", "card", "stack")
_FEWEST = 3


class Carried(NamedTuple):
    """Errors of a group without and with calibration by one of its runs."""

    group: tuple[str, ...]
    """Source, family, card, software."""
    rows: int
    before: float
    """Median absolute error of the others, in the mean over which run is logged."""
    after: float


def carried_errors(rows: Iterable[ScoredSpeed], share: float = TRANSFERRED) -> list[Carried]:
    """The errors of each group of three runs or more, with each run logged in turn."""
    groups = [
        (tuple(value for _, value in group), [math.log1p(row.error) for row in members])
        for group, members in grouped(rows, _NAMES)
        if len(members) >= _FEWEST
    ]
    return [
        Carried(group, len(logs), _error_of_others(logs, 0), _error_of_others(logs, share))
        for group, logs in groups
    ]


def _error_of_others(logs: Sequence[float], share: float) -> float:
    """Median absolute error once ``share`` of one run's is taken off the others, in the mean."""
    medians = []
    for index, logged in enumerate(logs):
        others = [*logs[:index], *logs[index + 1 :]]
        medians.append(statistics.median(abs(math.expm1(log - share * logged)) for log in others))
    return statistics.mean(medians)
