"""``gptbudget memory``: the memory bill of the peak, part by part, against the card."""

import typer

from gptbudget.cli.options import Invocation, takes
from gptbudget.specs.options import OPTIONS, affecting

EPILOG = "Example: gptbudget memory --gpu 4090 --model llama-2-7b --method qlora --seq-len 2048"

_THE_ANSWER_IS_NO = 5


@takes(
    {name: OPTIONS[name] for name in affecting("step", "memory", "host")},
    scenario=True,
    explain=True,
)
def command(invocation: Invocation) -> None:
    """The memory bill of the peak on one GPU, and what would change it."""
    from gptbudget.answer.memory import memory_document
    from gptbudget.errors import UsageError
    from gptbudget.render.output import write
    from gptbudget.run.estimate import one_bill
    from gptbudget.run.question import ask

    question = ask(invocation.given, invocation.scenario)
    bill = one_bill(question, invocation.catalogs)
    if bill.run.asked("gpus_per_node") and bill.run.recipe.offload == "none":
        raise UsageError(
            "--gpus-per-node has no effect without --offload", "add --offload optimizer or all"
        )
    document = memory_document(bill)
    if invocation.explain is not None:
        from gptbudget.answer.explain.document import explained_memory

        document = explained_memory(document, bill, invocation.explain)
    write(document, invocation.fmt)
    if invocation.check and not bill.memory.fits_accumulated:
        raise typer.Exit(_THE_ANSWER_IS_NO)
