"""The hardware and options of a plan: any model on them becomes a complete run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gptbudget.run.complete import complete_run
from gptbudget.run.run import NamedGpu, Origin, RunContext, TrainingRun, Work
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.options import Options


class Setting(NamedTuple):
    """An accelerator, what was asked, and what is known."""

    options: Options
    gpu: NamedGpu
    evidence: Evidence
    context: RunContext = RunContext()
    origins: Mapping[str, Origin] = {}

    def fixed(self, option: str) -> bool:
        """Whether the user said this option, so that it may not be changed."""
        return getattr(self.options, option) is not None

    def complete(self, work: Work, changes: Mapping[str, Any]) -> TrainingRun:
        """A complete run with some options set otherwise.

        Host memory is a limit of an offload only, and counts where there is one.

        Raises:
            UsageError: values that cannot stand together.
        """
        options = self.options.model_copy(update=dict(changes))
        if options.host_memory is not None and options.offload in {None, "none"}:
            options = options.model_copy(update={"host_memory": None})
        return complete_run(
            options,
            self.gpu,
            work,
            self.evidence,
            self.context,
            origins=self.origins,
        )
