"""Search recipes, layouts and hardware: enumerate, evaluate, keep the best.

The answer is the optimum of what is enumerated: every candidate that obeys the rules is evaluated,
by the formulas that answer a single question.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from gptbudget.errors import UsageError
from gptbudget.plan.complete import complete_run, precision_and_peak
from gptbudget.plan.estimate import cost_of
from gptbudget.plan.fit.evaluate import Evaluated, LaidOut, evaluate, lay_out
from gptbudget.plan.fit.layouts import kinds
from gptbudget.plan.fit.recipes import Variant, attention_of, variants
from gptbudget.plan.job import GLOBAL_BATCH_TOKENS
from gptbudget.plan.layout import default_zero
from gptbudget.plan.machine import node_of
from gptbudget.plan.run import NamedGpu, NamedModel, Origin, TrainingRun
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.layout import Layout
from gptbudget.specs.options import Minimize, Options
from gptbudget.specs.stack import Split
from gptbudget.units import DAY_S, YEAR_S

_KEPT_OF_A_PROGRAM, _KEPT = 200, 1000


class Hunt(NamedTuple):
    """What is searched for: what stays fixed, what is made small, and what must hold."""

    options: Options
    """Those of the user, without a number of GPUs."""
    origins: Mapping[str, Origin]
    counts: tuple[int, ...]
    minimize: Minimize = "time"
    max_wall_clock_s: float | None = None
    max_usd: float | None = None


class Candidate(NamedTuple):
    """One way to train: options over those of the user, and what comes of it."""

    gpu: NamedGpu
    variant: Variant
    choices: Mapping[str, Any]
    """Everything that the search chose, by option."""
    wall_clock_s: float
    peak_bytes: float
    host_bytes: float
    usd: float | None
    energy_kwh: float | None

    @property
    def gpus(self) -> int:
        """How many GPUs."""
        return int(self.choices["gpus"])

    def amount(self, minimize: Minimize) -> float:
        """What the search makes small."""
        known = {
            "time": self.wall_clock_s,
            "memory": self.peak_bytes,
            "gpus": self.gpus,
            "cost": self.usd,
            "energy": self.energy_kwh,
        }
        found = known[minimize]
        assert found is not None
        return float(found)


class Found(NamedTuple):
    """What a search found, and how much it looked at."""

    rows: list[Candidate]
    """Those that hold all limits, the best first; no loss of quality before any."""
    by_hardware: dict[tuple[str, int], Candidate]
    """The best of each GPU and number of them."""
    nearest: Candidate | None
    """Of those that do not fit, the one that misses least."""
    fastest: Candidate | None
    """Of those that fit and miss a limit of time or money, the fastest..."""
    cheapest: Candidate | None
    """... and the cheapest."""
    candidates: int
    evaluated: int
    feasible: int
    seconds: float
    interrupted: bool
    left_out: tuple[str, ...]
    """What was not searched because something better was found."""
    usable_bytes: float | None


class Progress(NamedTuple):
    """How far a search is."""

    done: int
    programs: int
    evaluated: int
    best: Candidate | None


Watch = Callable[[Progress], None]


def search(
    hunt: Hunt,
    gpus: Sequence[NamedGpu],
    work: NamedModel,
    evidence: Evidence,
    watch: Watch | None = None,
    **run_context: Any,
) -> Found:
    """Search everything that is open; an interrupt ends it with what was found so far.

    Raises:
        UsageError: no candidate obeys the rules, or what is to be made small is not known.
    """
    begin = time.perf_counter()
    tally = _Tally(hunt)
    interrupted = False
    try:
        for gpu in gpus:
            _search_one(hunt, gpu, work, evidence, tally, watch, run_context)
    except KeyboardInterrupt:
        interrupted = True
    return tally.found(time.perf_counter() - begin, interrupted=interrupted)


def _search_one(
    hunt: Hunt,
    gpu: NamedGpu,
    work: NamedModel,
    evidence: Evidence,
    tally: _Tally,
    watch: Watch | None,
    run_context: Mapping[str, Any],
) -> None:
    options, model = hunt.options, work.spec
    precision, _ = precision_and_peak(gpu, options.precision)
    one_gpu = hunt.counts == (1,)
    every = variants(options, gpu, model, precision, evidence, one_gpu=one_gpu)
    attention = attention_of(options, gpu, precision, evidence)
    seq_len = options.seq_len or model.default_seq_len
    wanted = options.global_batch_tokens or model.global_batch_tokens or GLOBAL_BATCH_TOKENS
    laid = [
        lay_out(kind, options, seq_len, wanted, attention)
        for kind in kinds(model, options, hunt.counts, seq_len, _split(options, evidence))
    ]
    rounds = [(what, list(of)) for what, of in groupby(every, key=lambda variant: variant.round)]
    if not any(each.valid.any() for each in laid):
        _refuse_fixed(hunt, gpu, work, evidence, run_context)
    tally.expect(len(every) * len(laid))
    before = tally.feasible
    for (lossy, offloads), of_round in rounds:
        if tally.feasible > before and not one_gpu:
            tally.leave_out(len(of_round) * len(laid), lossy=lossy, offloads=offloads)
            continue
        for variant in of_round:
            for each in laid:
                tally.count(each)
                if each.valid.size and each.valid.any():
                    run = _representative(
                        hunt, gpu, work, evidence, variant, each, run_context, tally
                    )
                    if run is not None:
                        tally.keep(run, variant, each, evaluate(run, each))
                if watch:
                    watch(tally.progress())


def _refuse_fixed(
    hunt: Hunt,
    gpu: NamedGpu,
    work: NamedModel,
    evidence: Evidence,
    run_context: Mapping[str, Any],
) -> None:
    """Refuse what was given where a single question would, and in its words.

    Raises:
        UsageError: degrees that do not divide GPUs, heads, layers or experts.
    """
    for count in hunt.counts[:1]:
        chosen = hunt.options.model_copy(update={"gpus": count, "host_memory": None})
        complete_run(chosen, gpu, work, evidence, origins=hunt.origins, **run_context)


def _split(options: Options, evidence: Evidence) -> Split:
    """How the software that cuts layers shares them."""
    return evidence.stacks.stacks[options.stack or "megatron"].split


def _representative(
    hunt: Hunt,
    gpu: NamedGpu,
    work: NamedModel,
    evidence: Evidence,
    variant: Variant,
    laid: LaidOut,
    run_context: Mapping[str, Any],
    tally: _Tally,
) -> TrainingRun | None:
    """One candidate as a complete run; what all of them share is read off it."""
    last = _index(np.flatnonzero(laid.valid)[-1], laid.valid.shape)
    choices = choices_of(variant, laid, last)
    try:
        return complete(hunt, gpu, work, evidence, choices, **run_context)
    except UsageError as error:
        tally.refuse(error)
        return None


def choices_of(variant: Variant, laid: LaidOut, index: tuple[int, ...]) -> dict[str, Any]:
    """Everything that a candidate chooses, by option."""
    chosen = {**variant.options, **laid.one(index)}
    if laid.kind.zero is not None:
        chosen["zero"] = laid.kind.zero
        chosen["sequence_parallel"] = laid.kind.sequence_parallel
    return chosen


def complete(
    hunt: Hunt,
    gpu: NamedGpu,
    work: NamedModel,
    evidence: Evidence,
    choices: Mapping[str, Any],
    wall_clock_s: float = 0.0,
    **run_context: Any,
) -> TrainingRun:
    """The run of one candidate, with only those choices given that are not the default.

    Its horizon is long enough for ``wall_clock_s``, unless one was given.
    """
    options = hunt.options
    given = {name: value for name, value in choices.items() if not _is_default(name, value)}
    if given.get("zero") == _default_zero(options, choices):
        given.pop("zero")
    dropped = _without_effect(options, gpu, choices)
    if options.time is None and wall_clock_s > YEAR_S:
        given["time"] = math.ceil(wall_clock_s / DAY_S) * float(DAY_S)
    chosen = options.model_copy(update={**given, **dict.fromkeys(dropped)})
    origins = {name: origin for name, origin in hunt.origins.items() if name not in dropped}
    origins |= dict.fromkeys(given, "given")
    return complete_run(chosen, gpu, work, evidence, origins=origins, **run_context)


_DEFAULTS = {
    "method": "full",
    "recipe": None,
    "optimizer": "adamw",
    "checkpointing": "none",
    "loss": "plain",
    "offload": "none",
    "sequence_parallel": False,
}


def _is_default(name: str, value: Any) -> bool:
    return bool(value == _DEFAULTS[name] if name in _DEFAULTS else name != "zero" and value == 1)


def _default_zero(options: Options, choices: Mapping[str, Any]) -> int:
    degrees = Layout(tp=choices.get("tp", 1), pp=choices.get("pp", 1), dp=choices["gpus"])
    return default_zero(degrees, options.stack or "compiled")


def _without_effect(options: Options, gpu: NamedGpu, choices: Mapping[str, Any]) -> list[str]:
    """What the user gave for other candidates than this one."""
    offload = options.offload or choices.get("offload", "none")
    on_host = offload != "none" or options.optimizer == "paged-adamw8bit"
    dropped = [] if on_host or options.host_memory is None else ["host_memory"]
    count, per_node = choices["gpus"], options.gpus_per_node
    if per_node is not None and count == 1:
        dropped.append("gpus_per_node")
    if options.network is not None and count <= node_of(gpu.spec, per_node):
        dropped.append("network")
    return dropped


class _Tally:
    """What a search has seen and kept so far."""

    def __init__(self, hunt: Hunt) -> None:
        self.hunt = hunt
        self.rows: list[Candidate] = []
        self.by_hardware: dict[tuple[str, int], Candidate] = {}
        self.nearest: tuple[float, Candidate] | None = None
        self.fastest: Candidate | None = None
        self.cheapest: Candidate | None = None
        self.candidates = self.evaluated = self.feasible = 0
        self.done = self.programs = 0
        self.obeyed: dict[str, bool] = {}
        self.refusals: dict[str, UsageError] = {}
        self.left: dict[str, None] = {}
        self.usable_bytes: float | None = None

    def expect(self, programs: int) -> None:
        self.programs += programs

    def count(self, laid: LaidOut) -> None:
        self.done += 1
        self.candidates += laid.candidates
        for rule, holds in laid.obeyed.items():
            self.obeyed[rule] = self.obeyed.get(rule, False) or holds

    def refuse(self, error: UsageError) -> None:
        self.refusals.setdefault(str(error), error)

    def leave_out(self, programs: int, *, lossy: bool, offloads: bool) -> None:
        self.programs -= programs
        what = "recipes that cost quality" if lossy else "offloads to the host"
        if not (lossy and offloads):
            self.left[what] = None

    def progress(self) -> Progress:
        best = self.rows[0] if self.rows else None
        return Progress(self.done, self.programs, self.evaluated, best)

    def keep(self, run: TrainingRun, variant: Variant, laid: LaidOut, found: Evaluated) -> None:
        """Count the candidates of a program, and keep its best."""
        self.usable_bytes = run.usable_bytes
        cost = cost_of(run.cost, laid.degrees.gpus, found.wall_clock_s)
        usd, energy = cost.usd, cost.energy_kwh
        kept = _Program(run.gpu, variant, laid, found, usd, energy)
        self.evaluated += int(laid.valid.sum())
        fits = laid.valid & found.fits
        holds = fits & self._limits(found.wall_clock_s, usd)
        self.feasible += int(holds.sum())
        self._note_misses(kept, fits, holds, run.usable_bytes)
        if not holds.any():
            return
        key = kept.amount(self.hunt.minimize)
        rows = [kept.candidate(index) for index in _smallest(key, holds, found.wall_clock_s)]
        self.rows = sorted([*self.rows, *rows], key=self._rank)[:_KEPT]
        if len(self.hunt.counts) > 1 or self._several_gpus(run.gpu):
            self._keep_by_hardware(kept, key, holds)

    def _several_gpus(self, gpu: NamedGpu) -> bool:
        return any(key != gpu.key for key, _ in self.by_hardware) or not self.by_hardware

    def _rank(self, row: Candidate) -> tuple[int, float, float]:
        return row.variant.loss, row.amount(self.hunt.minimize), row.wall_clock_s

    def _limits(self, wall_clock_s: Any, usd: Any) -> Any:
        longest, most = self.hunt.max_wall_clock_s, self.hunt.max_usd
        holds = wall_clock_s <= (np.inf if longest is None else longest)
        return holds if most is None else holds & (usd <= most)

    def _keep_by_hardware(self, kept: _Program, key: Any, holds: Any) -> None:
        """The best of each number of GPUs."""
        flat = np.flatnonzero(holds)
        counts = kept.amount("gpus").ravel()[flat]
        order = np.lexsort((kept.found.wall_clock_s.ravel()[flat], key.ravel()[flat], counts))
        _, first = np.unique(counts[order], return_index=True)
        for position in flat[order][first]:
            one = kept.candidate(_index(position, holds.shape))
            where = (one.gpu.key, one.gpus)
            now = self.by_hardware.get(where)
            if now is None or self._rank(one) < self._rank(now):
                self.by_hardware[where] = one

    def _note_misses(
        self, kept: _Program, fits: Any, holds: Any, usable_bytes: float | None
    ) -> None:
        """What comes nearest where nothing holds."""
        if self.feasible:
            return
        laid, found = kept.laid, kept.found
        if usable_bytes is not None and (misses := laid.valid & ~found.fits).any():
            index = _index_of_smallest(np.where(misses, found.peak_bytes, np.inf))
            over = float(found.peak_bytes[index]) - usable_bytes
            if self.nearest is None or over < self.nearest[0]:
                self.nearest = over, kept.candidate(index)
        if not (late := fits & ~holds).any():
            return
        one = kept.candidate(_index_of_smallest(np.where(late, found.wall_clock_s, np.inf)))
        if self.fastest is None or one.wall_clock_s < self.fastest.wall_clock_s:
            self.fastest = one
        if kept.usd is not None:
            one = kept.candidate(_index_of_smallest(np.where(late, kept.usd, np.inf)))
            if self.cheapest is None or (one.usd or 0) < (self.cheapest.usd or 0):
                self.cheapest = one

    def found(self, seconds: float, *, interrupted: bool) -> Found:
        if not self.evaluated and not interrupted:
            raise self._why_empty()
        return Found(
            rows=self.rows,
            by_hardware=self.by_hardware,
            nearest=self.nearest[1] if self.nearest else None,
            fastest=self.fastest,
            cheapest=self.cheapest,
            candidates=self.candidates,
            evaluated=self.evaluated,
            feasible=self.feasible,
            seconds=seconds,
            interrupted=interrupted,
            left_out=tuple(self.left),
            usable_bytes=self.usable_bytes,
        )

    def _why_empty(self) -> UsageError:
        """Which rule left nothing; a refusal of the options themselves says it best."""
        if self.refusals:
            return next(iter(self.refusals.values()))
        counts = self.hunt.counts
        of = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}..{counts[-1]}"
        never = [rule for rule, holds in self.obeyed.items() if not holds]
        what = f"nothing divides {never[0]}" if never else "no layout obeys all rules at once"
        rules = ", ".join(dict.fromkeys(self.obeyed)) or "the degrees that were given"
        return UsageError(
            f"the search is empty for --gpus {of}: {what}",
            "free a degree or change the number of GPUs" if never else f"free one of: {rules}",
        )


class _Program(NamedTuple):
    """The candidates of a program with their amounts."""

    gpu: NamedGpu
    variant: Variant
    laid: LaidOut
    found: Evaluated
    usd: Any
    energy_kwh: Any

    def amount(self, minimize: Minimize) -> Any:
        """What is made small, for every candidate."""
        known = {
            "time": self.found.wall_clock_s,
            "memory": self.found.peak_bytes,
            "gpus": np.broadcast_to(self.laid.degrees.gpus, self.laid.valid.shape),
            "cost": self.usd,
            "energy": self.energy_kwh,
        }
        return known[minimize]

    def candidate(self, index: tuple[int, ...]) -> Candidate:
        found = self.found
        return Candidate(
            gpu=self.gpu,
            variant=self.variant,
            choices=choices_of(self.variant, self.laid, index),
            wall_clock_s=float(found.wall_clock_s[index]),
            peak_bytes=float(found.peak_bytes[index]),
            host_bytes=float(found.host_bytes[index]),
            usd=None if self.usd is None else float(self.usd[index]),
            energy_kwh=None if self.energy_kwh is None else float(self.energy_kwh[index]),
        )


def _index_of_smallest(amounts: Any) -> tuple[int, ...]:
    return _index(amounts.argmin(), amounts.shape)


def _index(position: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(each) for each in np.unravel_index(position, shape))


def _smallest(key: Any, holds: Any, seconds: Any) -> Iterator[tuple[int, ...]]:
    """Indices of the best of a program, faster ones first among equals."""
    flat = np.flatnonzero(holds)
    amounts, times = np.asarray(key).ravel()[flat], np.asarray(seconds).ravel()[flat]
    order = np.lexsort((times, amounts))[:_KEPT_OF_A_PROGRAM]
    for position in flat[order]:
        yield _index(position, holds.shape)


def front(rows: Mapping[tuple[str, int], Candidate]) -> list[Candidate]:
    """Those that nothing else beats in both time and cost, the fastest first.

    Without prices GPU-hours stand for cost; a way that costs quality beats no other.
    """

    def cost(row: Candidate) -> float:
        return row.gpus * row.wall_clock_s if row.usd is None else row.usd

    kept: list[Candidate] = []
    for row in sorted(rows.values(), key=lambda row: (row.wall_clock_s, cost(row))):
        better = [b for b in kept if b.variant.loss <= row.variant.loss]
        if not better or cost(row) < min(map(cost, better)):
            kept.append(row)
    return kept
