"""``gptbudget memory``: the peak memory of one GPU by part, compared with the card."""

from gptbudget.cli.finish import finish
from gptbudget.cli.flags import Invocation, takes
from gptbudget.specs.options import OPTIONS, affecting

EPILOG = "Example: gptbudget memory --gpu 4090 --model llama-2-7b --method qlora --seq-len 2048"

_OPTIONS = {name: OPTIONS[name] for name in affecting("step", "memory", "host")}


@takes(_OPTIONS, "scenario", "check", "explain")
def command(invocation: Invocation) -> None:
    """Show the peak memory of one GPU by part, and the options that reduce it."""
    from gptbudget.answer.memory import memory_document
    from gptbudget.errors import UsageError
    from gptbudget.run.estimate import one_bill
    from gptbudget.run.question import ask

    bill = one_bill(ask(invocation.given, invocation.scenario), invocation.catalogs)
    if bill.run.asked("gpus_per_node") and bill.run.recipe.offload == "none":
        raise UsageError(
            "--gpus-per-node has no effect without --offload", "add --offload optimizer or all"
        )
    no = invocation.check and not bill.memory.fits_accumulated
    finish(invocation, memory_document(bill), bill, no=no)
