"""The result of a search: ways to train with their estimates, and the nearest misses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gptbudget.run.estimate import Memory, ModelEstimate
    from gptbudget.run.run import NamedGpu
    from gptbudget.search.ablation import Ablation
    from gptbudget.search.best import SearchResult
    from gptbudget.search.candidate import Candidate, SearchSpec


class Way(NamedTuple):
    """One way to train, and the estimate that ``compare`` gives of it; its memory is known."""

    candidate: "Candidate"
    estimate: "ModelEstimate"
    memory: "Memory"
    distances: "Sequence[Ablation]"
    """Effect of each choice (ablations); only for the first ways."""
    given: frozenset[str]
    """What the user gave, by option."""


class Fit(NamedTuple):
    """The answer: every way that was asked for, the best first."""

    space: "SearchSpec"
    found: "SearchResult"
    gpus: "list[NamedGpu]"
    ways: list[Way]
    misses: list[Way]
    """The nearest misses in memory, time and cost; only if there is no way."""
    skipped: list[str]
    top: int | None
    """How many ways were asked for; ``None`` leaves it to the format."""

    @property
    def over_hardware(self) -> bool:
        """Whether the answer is a front over kinds and numbers of GPUs."""
        return len(self.gpus) > 1 or len(self.space.counts) > 1

    def best_of_families(self, most: int) -> list[Way]:
        """The best way of each recipe and main degrees of parallelism, the best first."""
        first: dict[tuple[object, ...], Way] = {}
        for way in self.ways:
            recipe, layout = way.estimate.run.recipe, way.estimate.run.layout
            family = (
                way.candidate.gpu.key,
                recipe.method,
                recipe.weight_storage,
                recipe.optimizer,
                recipe.checkpointing,
                recipe.offload,
                (layout.gpus, layout.tp, layout.pp, layout.cp, layout.ep),
            )
            first.setdefault(family, way)
        return list(first.values())[:most]
