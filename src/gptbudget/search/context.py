"""The hardware and options of a plan: any model on them becomes a complete run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gptbudget.run.complete import complete_model_run, complete_run
from gptbudget.run.run import ModelRun, NamedGpu, NamedModel, Origin, Run, RunContext, Work
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.options import HOST_OPTIONS, Options


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

    def complete(self, work: Work, changes: Mapping[str, Any]) -> Run:
        """A complete run with some options set otherwise.

        Raises:
            UsageError: values that cannot stand together.
        """
        options = self._changed(changes)
        return complete_run(
            options, self.gpu, work, self.evidence, self.context, origins=self.origins
        )

    def complete_model(self, work: NamedModel, changes: Mapping[str, Any]) -> ModelRun:
        """The same of a model."""
        options = self._changed(changes)
        return complete_model_run(
            options, self.gpu, work, self.evidence, self.context, origins=self.origins
        )

    def _changed(self, changes: Mapping[str, Any]) -> Options:
        """Host memory is a limit of an offload only, and counts where there is one."""
        options = self.options.changed(**changes)
        if options.offload in {None, "none"}:
            options = options.changed(**dict.fromkeys(HOST_OPTIONS))
        return options
