"""Search recipes, layouts and hardware: enumerate, evaluate, keep the best.

The answer is the optimum of what is enumerated: every candidate that obeys the rules is evaluated,
by the formulas that answer a single question.
"""

import time
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_model_run, precision_and_peak
from gptbudget.run.job import GLOBAL_BATCH_TOKENS
from gptbudget.run.run import ModelRun, NamedGpu
from gptbudget.search.best import BestSoFar, Found, Progress
from gptbudget.search.candidate import SearchSpec, choices_of, complete
from gptbudget.search.evaluate import LayoutGrid, evaluate, index_of, lay_out
from gptbudget.search.layouts import LayoutFamily, kinds
from gptbudget.search.variants import Variant, attention_of, variants
from gptbudget.specs.options import HOST_OPTIONS

FEW_GPUS = 64
"""Beyond so many, offloads and other copies of the weights are searched only where nothing else
fits: states are shared instead."""

Watch = Callable[[Progress], None]


def search(space: SearchSpec, gpus: Sequence[NamedGpu], watch: Watch | None = None) -> Found:
    """Search everything that is open; an interrupt ends it with what was found so far.

    Raises:
        UsageError: no candidate obeys the rules, or what is to be made small is not known.
    """
    begin = time.perf_counter()
    tally = BestSoFar(space)
    interrupted = False
    try:
        for gpu in gpus:
            _Search(space, gpu, tally, watch).run()
    except KeyboardInterrupt:
        interrupted = True
    return tally.found(time.perf_counter() - begin, interrupted=interrupted)


class _Search:
    """The search on one kind of accelerator."""

    def __init__(
        self, space: SearchSpec, gpu: NamedGpu, tally: BestSoFar, watch: Watch | None
    ) -> None:
        self.space, self.gpu, self.tally, self.watch = space, gpu, tally, watch
        self.setting = space.setting(gpu)
        self.precision, _ = precision_and_peak(gpu, space.options.precision)

    def run(self) -> None:
        """Evaluate round after round: what costs no quality and moves nothing to the host first."""
        few, many = self._laid_out()
        of = variants(self.setting, self.space.work.spec, self.precision)
        self.tally.expect(len(of) * (len(few) + len(many)))
        one_gpu, before = self.space.counts == (1,), self.tally.lossless
        fitted = self.tally.feasible
        for (last, lossy, _), of_round in groupby(of, key=lambda variant: variant.round):
            found = self.tally.lossless > before
            any_found = self.tally.feasible > fitted
            for variant in of_round:
                laid = [*few, *many]
                if last and any_found:
                    laid = []
                elif found and lossy and not one_gpu:
                    self.tally.leave_out("recipes that cost quality")
                    laid = []
                elif found and variant.of_few_gpus and many:
                    self.tally.leave_out(
                        f"offloads and other copies of the weights on more than {FEW_GPUS} GPUs"
                    )
                    laid = few
                self.tally.expect(len(laid) - len(few) - len(many))
                for each in laid:
                    self._evaluate(variant, each)

    def _laid_out(self) -> tuple[list[LayoutGrid], list[LayoutGrid]]:
        """Every program's layouts, on few and on many GPUs.

        Where nothing has about the tokens of a step that are a default, a step is raised to one
        micro-batch of each replica, as for a single question.

        Raises:
            UsageError: what was given divides nothing.
        """
        counts = self.space.counts
        groups = (
            [count for count in counts if count <= FEW_GPUS],
            [count for count in counts if count > FEW_GPUS],
        )
        found = tuple([self._layouts(kind) for kind in self._kinds(group)] for group in groups)
        if not any(laid.valid.any() for group in found for laid in group):
            found = tuple(
                [self._layouts(kind, raised=True) for kind in self._kinds(group)]
                for group in groups
            )
        if not any(laid.valid.any() for group in found for laid in group):
            self._refuse_fixed()
        return found[0], found[1]

    def _kinds(self, counts: Sequence[int]) -> list[LayoutFamily]:
        options = self.space.options
        stack = self.space.evidence.stacks.named(options.stack, "cut")
        return list(kinds(self.space.work.spec, options, counts, self._seq_len, stack))

    @property
    def _seq_len(self) -> int:
        return self.space.options.seq_len or self.space.work.spec.default_seq_len

    def _layouts(self, kind: LayoutFamily, *, raised: bool = False) -> LayoutGrid:
        options, model = self.space.options, self.space.work.spec
        wanted = options.global_batch_tokens or model.global_batch_tokens or GLOBAL_BATCH_TOKENS
        attention = attention_of(self.setting, self.precision)
        return lay_out(kind, options, self._seq_len, wanted, attention, raised=raised)

    def _evaluate(self, variant: Variant, laid: LayoutGrid) -> None:
        if not variant.stands_on(laid.kind, self.space.options.stack, self.space.evidence.stacks):
            self.tally.expect(-1)
            return
        self.tally.count(laid)
        if laid.valid.size and laid.valid.any():
            run = self._representative(variant, laid)
            if run is not None:
                self.tally.keep(run, variant, laid, evaluate(run, laid))
        if self.watch:
            self.watch(self.tally.progress())

    def _representative(self, variant: Variant, laid: LayoutGrid) -> ModelRun | None:
        """One candidate as a complete run; what all of them share is read off it."""
        last = index_of(np.flatnonzero(laid.valid)[-1], laid.valid.shape)
        choices = choices_of(variant, laid, last)
        try:
            return complete(self.space, self.gpu, choices)
        except UsageError as error:
            self.tally.refuse(error)
            return None

    def _refuse_fixed(self) -> None:
        """Refuse what was given where a single question would, and in its words.

        Raises:
            UsageError: degrees that do not divide GPUs, heads, layers or experts.
        """
        freed = {"gpus": self.space.counts[0], **dict.fromkeys(HOST_OPTIONS)}
        complete_model_run(self.setting.changed(freed), self.space.work)
