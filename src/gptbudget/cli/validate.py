"""``gptbudget validate``: how wrong we are, against what was measured."""

from __future__ import annotations

from gptbudget.cli.options import Invocation, takes

EPILOG = "Example: gptbudget validate -o json"


@takes()
def command(invocation: Invocation) -> None:
    """Our error against PyTorch's own accounting of training steps, phase by phase."""
    from gptbudget import api
    from gptbudget.catalog.measured import load_measured_steps
    from gptbudget.catalog.reference import load_evidence
    from gptbudget.plan.validation import score_steps
    from gptbudget.render.output import write
    from gptbudget.report.validation import validation_document

    measured = load_measured_steps(api.load_catalog(invocation.catalogs))
    rows = score_steps(measured.steps, load_evidence().stacks, measured.source)
    write(validation_document(rows, measured.source, measured.what), invocation.fmt)
