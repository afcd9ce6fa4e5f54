"""What a search answers: ways to train, each with its estimate, and what comes near."""

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
    """From the plain recipe, for the first ways only."""
    given: frozenset[str]
    """What the user gave, by option."""

    @property
    def family(self) -> tuple[object, ...]:
        """What sets it apart from others of a list: recipe and main degrees."""
        recipe, layout = self.estimate.run.recipe, self.estimate.run.layout
        return (
            self.candidate.gpu.key,
            recipe.method,
            recipe.weight_storage,
            recipe.optimizer,
            recipe.checkpointing,
            recipe.offload,
            (layout.gpus, layout.tp, layout.pp, layout.cp, layout.ep),
        )


class Fit(NamedTuple):
    """The answer: every way that was asked for, the best first."""

    space: "SearchSpec"
    found: "SearchResult"
    gpus: "list[NamedGpu]"
    ways: list[Way]
    misses: list[Way]
    """Where there is no way: what comes nearest in memory, time and money."""
    skipped: list[str]
    top: int | None
    """How many ways were asked for; ``None`` leaves it to the format."""

    @property
    def over_hardware(self) -> bool:
        """Whether the answer is a front over kinds and numbers of GPUs."""
        return len(self.gpus) > 1 or len(self.space.counts) > 1

    def best_of_families(self, most: int) -> list[Way]:
        """The best way of each family, the best first."""
        first: dict[tuple[object, ...], Way] = {}
        for way in self.ways:
            first.setdefault(way.family, way)
        return list(first.values())[:most]
