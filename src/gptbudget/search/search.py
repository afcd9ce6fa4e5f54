"""Search recipes, layouts and hardware: enumerate, evaluate, keep the best.

The answer is the optimum of what is enumerated: every candidate that obeys the rules is evaluated,
by the formulas that answer a single question.
"""

import time
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from gptbudget.errors import UsageError
from gptbudget.run.batch import GLOBAL_BATCH_TOKENS
from gptbudget.run.complete import complete_model_run, precision_and_peak
from gptbudget.run.run import NamedGpu
from gptbudget.search.best import SearchResult
from gptbudget.search.candidate import SearchSpec, choices_of, complete
from gptbudget.search.evaluate import LayoutGrid, evaluate, lay_out
from gptbudget.search.layouts import kinds
from gptbudget.search.variants import Variant, attention_of, variants
from gptbudget.specs.options import HOST_OPTIONS

FEW_GPUS = 64
"""Beyond so many, offloads and other copies of the weights are searched only where nothing else
fits: states are shared instead."""
_NOT_ON_MANY = f"offloads and other copies of the weights on more than {FEW_GPUS} GPUs"

Watch = Callable[[SearchResult], None]


def search(space: SearchSpec, gpus: Sequence[NamedGpu], watch: Watch | None = None) -> SearchResult:
    """Search all options that are not given; Ctrl-C returns the best result so far.

    Raises:
        UsageError: no candidate obeys the rules, or the objective is unknown.
    """
    begin = time.perf_counter()
    result = SearchResult(space)
    try:
        for gpu in gpus:
            _Search(space, gpu, result, watch).run()
    except KeyboardInterrupt:
        result.interrupted = True
    result.seconds = time.perf_counter() - begin
    if not result.evaluated and not result.interrupted:
        raise result.why_empty()
    return result


class _Search:
    """The search on one kind of accelerator."""

    def __init__(
        self, space: SearchSpec, gpu: NamedGpu, result: SearchResult, watch: Watch | None
    ) -> None:
        self.space, self.gpu, self.result, self.watch = space, gpu, result, watch
        self.options, self.model = space.options, space.work.spec
        self.setting, self.stacks = space.setting(gpu), space.evidence.stacks
        self.precision, _ = precision_and_peak(gpu, space.options.precision)

    def run(self) -> None:
        """Evaluate in rounds: lossless recipes without offloading come first."""
        few, many = self._laid_out()
        result, every = self.result, [*few, *many]
        tried = variants(self.setting, self.model, self.precision)
        result.programs += len(tried) * len(every)
        feasible, lossless = result.feasible, result.lossless
        for (last, lossy, _), of_round in groupby(tried, key=lambda variant: variant.round):
            some_fit = result.feasible > feasible
            some_lossless = result.lossless > lossless
            for variant in of_round:
                laid = every
                if last and some_fit:
                    laid = []
                elif some_lossless and lossy and self.space.counts != (1,):
                    result.left_out["recipes that cost quality"] = None
                    laid = []
                elif some_lossless and variant.of_few_gpus and many:
                    result.left_out[_NOT_ON_MANY] = None
                    laid = few
                result.programs += len(laid) - len(every)
                for each in laid:
                    self._evaluate(variant, each)

    def _laid_out(self) -> list[list[LayoutGrid]]:
        """Every program's layouts, on few and on many GPUs.

        Where nothing has about the tokens of a step that are a default, a step is raised to one
        micro-batch of each replica, as for a single question.

        Raises:
            UsageError: the given degrees divide nothing, said as for a single estimate.
        """
        counts = self.space.counts
        groups = (
            [count for count in counts if count <= FEW_GPUS],
            [count for count in counts if count > FEW_GPUS],
        )
        for raised in (False, True):
            laid = [self._layouts(group, raised=raised) for group in groups]
            if any(each.valid.any() for group in laid for each in group):
                return laid
        freed = {"gpus": counts[0], **dict.fromkeys(HOST_OPTIONS)}
        complete_model_run(self.setting.changed(freed), self.space.work)
        return laid

    def _layouts(self, counts: Sequence[int], *, raised: bool) -> list[LayoutGrid]:
        options, model = self.options, self.model
        seq_len = options.seq_len or model.default_seq_len
        wanted = options.global_batch_tokens or model.global_batch_tokens or GLOBAL_BATCH_TOKENS
        attention = attention_of(self.setting, self.precision)
        return [
            lay_out(kind, options, seq_len, wanted, attention, raised=raised)
            for kind in kinds(
                model, options, counts, seq_len, self.stacks.named(options.stack, "cut")
            )
        ]

    def _evaluate(self, variant: Variant, laid: LayoutGrid) -> None:
        if not variant.stands_on(laid.kind, self.options.stack, self.stacks):
            self.result.programs -= 1
            return
        self.result.count(laid)
        if laid.valid.any():
            one = choices_of(variant, laid, np.flatnonzero(laid.valid)[-1])
            try:
                run = complete(self.space, self.gpu, one)
            except UsageError as error:
                self.result.refusals.append(error)
            else:
                self.result.keep(run, variant, laid, evaluate(run, laid))
        if self.watch:
            self.watch(self.result)
