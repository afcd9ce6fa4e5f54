"""What is kept of a search: the best, the nearest miss, and how much was looked at."""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from gptbudget.core.arrays import about
from gptbudget.core.memory.states import accumulates, gradients_are_narrow
from gptbudget.errors import UsageError
from gptbudget.run.estimate import cost_of
from gptbudget.run.run import ModelRun, NamedGpu
from gptbudget.search.candidate import COUNTED, Candidate, Rank, SearchSpec, choices_of
from gptbudget.search.evaluate import Evaluated, LayoutGrid, index_of
from gptbudget.search.variants import Variant
from gptbudget.specs.values import Minimize

_KEPT_OF_A_PROGRAM, _KEPT = 200, 1000


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
    usable_bytes: int | None


class Progress(NamedTuple):
    """How far a search is."""

    done: int
    programs: int
    evaluated: int
    best: Candidate | None


class BestSoFar:
    """What a search has seen and kept so far."""

    def __init__(self, space: SearchSpec) -> None:
        self.space = space
        self.ranked: list[tuple[Rank, Candidate]] = []
        self.by_hardware: dict[tuple[str, int], Candidate] = {}
        self.nearest: tuple[float, Candidate] | None = None
        self.fastest: Candidate | None = None
        self.cheapest: Candidate | None = None
        self.candidates = self.evaluated = self.feasible = self.lossless = 0
        self.done = self.programs = 0
        self.obeyed: dict[str, bool] = {}
        self.refusals: dict[str, UsageError] = {}
        self.left: dict[str, None] = {}
        self.usable_bytes: int | None = None

    def expect(self, programs: int) -> None:
        """So many more programs are to be evaluated, or fewer where it is negative."""
        self.programs += programs

    def count(self, laid: LayoutGrid) -> None:
        """A program was enumerated."""
        self.done += 1
        self.candidates += laid.candidates
        for rule, holds in laid.obeyed.items():
            self.obeyed[rule] = self.obeyed.get(rule, False) or holds

    def refuse(self, error: UsageError) -> None:
        """A program cannot be, for a reason that no rule knows."""
        self.refusals.setdefault(str(error), error)

    def leave_out(self, what: str) -> None:
        """Something was not searched."""
        self.left[what] = None

    def progress(self) -> Progress:
        """How far it is."""
        best = self.ranked[0][1] if self.ranked else None
        return Progress(self.done, self.programs, self.evaluated, best)

    def keep(self, run: ModelRun, variant: Variant, laid: LayoutGrid, found: Evaluated) -> None:
        """Count the candidates of a program, and keep its best."""
        self.usable_bytes = run.usable_bytes
        cost = cost_of(run.cost, laid.degrees.gpus, found.wall_clock_s)
        usd, energy = cost.usd, cost.energy_kwh
        kept = Program(
            run.gpu, variant, laid, found, usd, energy, _sums_in_16_bit(run, variant, laid)
        )
        self.evaluated += int(laid.valid.sum())
        fits = laid.valid & found.fits
        holds = fits & self._limits(found.wall_clock_s, usd)
        self.feasible += int(holds.sum())
        self.lossless += int((holds & (kept.quality_cost == 0)).sum())
        self._note_misses(kept, fits, holds, run)
        if not holds.any():
            return
        key = kept.amount(self.space.minimize)
        rows = [kept.candidate(index) for index in _smallest(kept, key, holds)]
        ranked = [*self.ranked, *((self._rank(row), row) for row in rows)]
        self.ranked = sorted(ranked, key=itemgetter(0))[:_KEPT]
        self._keep_by_hardware(kept, key, holds)

    def _rank(self, row: Candidate) -> Rank:
        return row.rank(self.space.minimize)

    def _limits(self, wall_clock_s: Any, usd: Any) -> Any:
        longest, most = self.space.max_wall_clock_s, self.space.max_usd
        holds = wall_clock_s <= (np.inf if longest is None else longest)
        return holds if most is None else holds & (usd <= most)

    def _keep_by_hardware(self, kept: "Program", key: Any, holds: Any) -> None:
        """The best of each number of GPUs."""
        flat = np.flatnonzero(holds)
        counts = kept.amount("gpus").ravel()[flat]
        order = np.lexsort((*_ranks(kept, key, flat), counts))
        _, first = np.unique(counts[order], return_index=True)
        for position in flat[order][first]:
            one = kept.candidate(index_of(position, holds.shape))
            where = (one.gpu.key, one.gpus)
            now = self.by_hardware.get(where)
            if now is None or self._rank(one) < self._rank(now):
                self.by_hardware[where] = one

    def _note_misses(self, kept: "Program", fits: Any, holds: Any, run: ModelRun) -> None:
        """What comes nearest where nothing holds."""
        if self.feasible:
            return
        laid, found, usable_bytes = kept.laid, kept.found, run.usable_bytes
        if usable_bytes is not None and (misses := laid.valid & ~found.fits).any():
            host = run.host_memory_bytes or np.inf
            over = np.maximum(found.peak_bytes / usable_bytes, found.host_bytes / host)
            index = _index_of_smallest(np.where(misses, over, np.inf))
            if self.nearest is None or over[index] < self.nearest[0]:
                self.nearest = float(over[index]), kept.candidate(index)
        if not (late := fits & ~holds).any():
            return
        one = kept.candidate(_index_of_smallest(np.where(late, about(found.wall_clock_s), np.inf)))
        if self.fastest is None or about(one.wall_clock_s) < about(self.fastest.wall_clock_s):
            self.fastest = one
        if kept.usd is not None:
            one = kept.candidate(_index_of_smallest(np.where(late, about(kept.usd), np.inf)))
            if self.cheapest is None or about(one.usd or 0) < about(self.cheapest.usd or 0):
                self.cheapest = one

    def found(self, seconds: float, *, interrupted: bool) -> Found:
        """What the search found.

        Raises:
            UsageError: nothing obeys the rules.
        """
        if not self.evaluated and not interrupted:
            raise self._why_empty()
        return Found(
            rows=[row for _, row in self.ranked],
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
        counts = self.space.counts
        of = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}..{counts[-1]}"
        never = [rule for rule, holds in self.obeyed.items() if not holds]
        what = f"nothing divides {never[0]}" if never else "no layout obeys all rules at once"
        rules = ", ".join(dict.fromkeys(self.obeyed)) or "the degrees that were given"
        return UsageError(
            f"the search is empty for --gpus {of}: {what}",
            "free a degree or change the number of GPUs" if never else f"free one of: {rules}",
        )


class Program(NamedTuple):
    """The candidates of a program with their amounts."""

    gpu: NamedGpu
    variant: Variant
    laid: LayoutGrid
    found: Evaluated
    usd: Any
    energy_kwh: Any
    sums_in_16_bit: Any

    @property
    def quality_cost(self) -> Any:
        """How much quality each candidate costs."""
        return np.maximum(self.variant.quality_cost, self.sums_in_16_bit)

    def amount(self, minimize: Minimize) -> Any:
        """What is made small, for every candidate."""
        known = {
            "time": self.found.wall_clock_s,
            "memory": self.found.peak_bytes,
            "gpus": np.broadcast_to(self.laid.degrees.gpus, self.laid.valid.shape),
            "cost": self.usd,
            "energy": self.energy_kwh,
        }
        return known[minimize] if minimize in COUNTED else about(known[minimize])

    def candidate(self, index: tuple[int, ...]) -> Candidate:
        """One of them."""
        found = self.found
        return Candidate(
            gpu=self.gpu,
            variant=self.variant,
            choices=choices_of(self.variant, self.laid, index),
            sums_in_16_bit=bool(self.sums_in_16_bit[index]),
            wall_clock_s=float(found.wall_clock_s[index]),
            peak_bytes=int(found.peak_bytes[index]),
            host_bytes=int(found.host_bytes[index]),
            usd=None if self.usd is None else float(self.usd[index]),
            energy_kwh=None if self.energy_kwh is None else float(self.energy_kwh[index]),
        )


def _index_of_smallest(amounts: Any) -> tuple[int, ...]:
    return index_of(amounts.argmin(), amounts.shape)


def _ranks(kept: Program, key: Any, flat: Any) -> tuple[Any, ...]:
    """What candidates are sorted by, the last first: quality, what is wanted, time."""
    return tuple(
        np.broadcast_to(each, kept.laid.valid.shape).ravel()[flat]
        for each in (about(kept.found.wall_clock_s), key, kept.quality_cost)
    )


def _smallest(kept: Program, key: Any, holds: Any) -> Iterator[tuple[int, ...]]:
    """Indices of the best of a program."""
    flat = np.flatnonzero(holds)
    order = np.lexsort(_ranks(kept, key, flat))[:_KEPT_OF_A_PROGRAM]
    for position in flat[order]:
        yield index_of(position, holds.shape)


def _sums_in_16_bit(run: ModelRun, variant: Variant, laid: LayoutGrid) -> Any:
    """Where gradients of several micro-batches are added in 16 bit, and no recipe was given."""
    narrow = "recipe" in variant.options and gradients_are_narrow(
        run.recipe, run.implementation.stack
    )
    summed = accumulates(run.recipe, laid.micro_batches)
    return np.broadcast_to(narrow & summed, laid.valid.shape)


def front(rows: Mapping[tuple[str, int], Candidate]) -> list[Candidate]:
    """Those that nothing else beats in both time and cost, the fastest first.

    Without prices GPU-hours stand for cost; a way that costs quality beats no other.
    """

    def cost(row: Candidate) -> float:
        return float(about(row.gpus * row.wall_clock_s if row.usd is None else row.usd))

    kept: list[Candidate] = []
    for row in sorted(rows.values(), key=lambda row: (about(row.wall_clock_s), cost(row))):
        better = [b for b in kept if b.quality_cost <= row.quality_cost]
        if not better or cost(row) < min(map(cost, better)):
            kept.append(row)
    return kept
