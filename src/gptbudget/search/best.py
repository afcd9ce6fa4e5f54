"""Results collected during a search: best candidates, nearest misses and counts."""

from operator import itemgetter
from typing import Any, Literal, NamedTuple

import numpy as np

from gptbudget.core.arrays import about
from gptbudget.core.memory.states import accumulates, gradients_are_narrow
from gptbudget.errors import UsageError
from gptbudget.run.run import ModelRun, NamedGpu
from gptbudget.search.candidate import Candidate, Rank, SearchSpec, amount_of, choices_of
from gptbudget.search.evaluate import Evaluated, LayoutGrid
from gptbudget.search.variants import Variant

_KEPT_OF_A_PROGRAM, _KEPT = 200, 1000

Miss = Literal["nearest", "fastest", "cheapest"]
"""What misses the memory by least, and of those that fit the fastest and the cheapest."""


class SearchResult:
    """What a search found, and how much it looked at; it grows while the search runs."""

    def __init__(self, space: SearchSpec) -> None:
        self.space = space
        self.ranked: list[tuple[Rank, Candidate]] = []
        """Candidates within all limits, best first; those that keep quality before the others."""
        self.by_hardware: dict[tuple[str, int], Candidate] = {}
        """Best candidate by GPU and number of GPUs."""
        self.misses: dict[Miss, Candidate] = {}
        """What comes nearest, as long as nothing holds all limits."""
        self.candidates = self.evaluated = self.feasible = self.lossless = 0
        self.done = self.programs = 0
        self.seconds, self.interrupted = 0.0, False
        self.left_out: dict[str, None] = {}
        """What was not searched because something better was found."""
        self._least: dict[Miss, float] = {}
        self._obeyed: dict[str, bool] = {}
        self.refusals: list[UsageError] = []
        """Of programs that pass all rules but are invalid."""

    @property
    def rows(self) -> list[Candidate]:
        """The best candidates, in their order."""
        return [row for _, row in self.ranked]

    def count(self, laid: LayoutGrid) -> None:
        """Count one enumerated program, its candidates, and which rules hold for any of them."""
        self.done += 1
        self.candidates += laid.candidates
        for rule, holds in laid.obeyed.items():
            self._obeyed[rule] = self._obeyed.get(rule, False) or holds

    def keep(self, run: ModelRun, variant: Variant, laid: LayoutGrid, amounts: Evaluated) -> None:
        """Count the candidates of a program, and keep its best."""
        # The user's own recipe may sum gradients in 16 bit at no cost.
        narrow = gradients_are_narrow(run.recipe, run.implementation.stack)
        sums = "recipe" in variant.options and narrow & accumulates(run.recipe, laid.micro_batches)
        sums_in_16_bit = np.broadcast_to(sums, laid.valid.shape)
        program = Program(run.gpu, variant, laid, amounts, sums_in_16_bit)
        fits = laid.valid & amounts.fits
        longest, most = self.space.max_wall_clock_s, self.space.max_usd
        holds = fits & (amounts.wall_clock_s <= (np.inf if longest is None else longest))
        if most is not None:
            holds = holds & (amounts.usd <= most)
        self.evaluated += int(laid.valid.sum())
        self.feasible += int(holds.sum())
        self.lossless += int((holds & (program.quality_cost == 0)).sum())
        if not self.feasible:
            self._note_misses(program, fits, run)
        if holds.any():
            self._keep_best(program, np.flatnonzero(holds))

    def _keep_best(self, program: "Program", positions: Any) -> None:
        """The best of those that hold all limits, and of each number of GPUs."""
        amounts, minimize = program.amounts, self.space.minimize
        last_to_first = (
            about(amounts.wall_clock_s),
            amount_of(amounts, minimize),
            program.quality_cost,
        )
        order = np.lexsort([each.ravel()[positions] for each in last_to_first])
        ordered = positions[order]
        rows = [program.candidate(position) for position in ordered[:_KEPT_OF_A_PROGRAM]]
        ranked = [*self.ranked, *((row.rank(minimize), row) for row in rows)]
        self.ranked = sorted(ranked, key=itemgetter(0))[:_KEPT]
        _, first = np.unique(amounts.gpus.ravel()[ordered], return_index=True)
        for row in map(program.candidate, ordered[first]):
            hardware = row.gpu.key, row.gpus
            best = self.by_hardware.get(hardware)
            if best is None or row.rank(minimize) < best.rank(minimize):
                self.by_hardware[hardware] = row

    def _note_misses(self, program: "Program", fits: Any, run: ModelRun) -> None:
        """Record the nearest misses, as long as nothing is feasible."""
        amounts = program.amounts
        on_card = amounts.peak_bytes / (run.usable_bytes or np.inf)
        on_host = amounts.host_bytes / (run.host_memory_bytes or np.inf)
        too_large = program.laid.valid & ~amounts.fits
        self._note_miss("nearest", program, too_large, np.maximum(on_card, on_host))
        self._note_miss("fastest", program, fits, about(amounts.wall_clock_s))
        if amounts.usd is not None:
            self._note_miss("cheapest", program, fits, about(amounts.usd))

    def _note_miss(self, miss: Miss, program: "Program", where: Any, amounts: Any) -> None:
        """The candidate with the smallest amount, where that is less than any before."""
        if not where.any():
            return
        position = int(np.where(where, amounts, np.inf).argmin())
        least = amounts.item(position)
        if miss not in self._least or least < self._least[miss]:
            self._least[miss] = least
            self.misses[miss] = program.candidate(position)

    def why_empty(self) -> UsageError:
        """Return the error of an empty search: a recorded one, else the rule that nothing obeys."""
        if self.refusals:
            return self.refusals[0]
        counts = self.space.counts
        of = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}..{counts[-1]}"
        never = [rule for rule, holds in self._obeyed.items() if not holds]
        what = f"nothing divides {never[0]}" if never else "no layout obeys all rules at once"
        rules = ", ".join(self._obeyed) or "the degrees that were given"
        return UsageError(
            f"the search is empty for --gpus {of}: {what}",
            "free a degree or change the number of GPUs" if never else f"free one of: {rules}",
        )


class Program(NamedTuple):
    """The candidates of a program with their amounts."""

    gpu: NamedGpu
    variant: Variant
    laid: LayoutGrid
    amounts: Evaluated
    sums_in_16_bit: Any

    @property
    def quality_cost(self) -> Any:
        """How much quality each candidate costs."""
        return np.maximum(self.variant.quality_cost, self.sums_in_16_bit)

    def candidate(self, position: int) -> Candidate:
        """The one at a position of the flattened arrays."""
        amounts = self.amounts
        return Candidate(
            gpu=self.gpu,
            variant=self.variant,
            choices=choices_of(self.variant, self.laid, position),
            sums_in_16_bit=self.sums_in_16_bit.item(position),
            wall_clock_s=amounts.wall_clock_s.item(position),
            peak_bytes=int(amounts.peak_bytes.item(position)),
            host_bytes=int(amounts.host_bytes.item(position)),
            usd=None if amounts.usd is None else amounts.usd.item(position),
            energy_kwh=None if amounts.energy_kwh is None else amounts.energy_kwh.item(position),
        )
