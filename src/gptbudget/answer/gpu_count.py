"""The answer of ``plan --model``: the number of GPUs that meets a deadline."""

from collections.abc import Iterator, Sequence

from gptbudget.answer.budget import chosen_data
from gptbudget.answer.command import command
from gptbudget.answer.data import SCHEMA, answer, request_data
from gptbudget.answer.document import Data, Document, Table
from gptbudget.answer.quantities import COUNT_COLUMNS, cells, heads
from gptbudget.answer.verdict import WORD
from gptbudget.run.machine import GPUS_PER_NODE
from gptbudget.run.run import FlopsAmount, ModelRun
from gptbudget.search.gpu_count import Counted, Limits
from gptbudget.units import format_count, format_duration, format_usd

_MOST_NOTES = 12


def counts_document(counts: Sequence[Counted], limits: Limits) -> Document:
    """Return the answer with one row per accelerator and model, best first."""
    results = [_result(counted, limits) for counted in counts]
    text = _headline(counts, limits)
    notes = tuple(dict.fromkeys(note for result in results for note in result["notes"]))
    data = {
        "schema": SCHEMA,
        "request": request_data([counted.way.estimate for counted in counts]),
        "limits": {"time_s": limits.seconds, "usd": limits.usd},
        "results": results,
        "verdict": {"feasible": results[0]["verdict"]["feasible"], "text": text},
    }
    advice = tuple(
        f"{result['gpus']} x {result['gpu']['name']}: {result['command']}"
        for result in results
        if result["verdict"]["feasible"] is not False
    )
    return Document(text, (_table(counts),), data, results, notes[:_MOST_NOTES], advice)


def _headline(counts: Sequence[Counted], limits: Limits) -> str:
    """The answer of the best row, and how many others there are."""
    sentence = _sentence(counts[0], limits)
    done = sum(counted.feasible is not False for counted in counts)
    if len(counts) == 1:
        return sentence
    are = "is" if done == 1 else "are"
    return f"{sentence[:-1]}; {done} of {len(counts)} rows {are} within the limits."


def _sentence(counted: Counted, limits: Limits) -> str:
    """The sentence for one row: yes, no or unknown, the number of GPUs, and the time and cost."""
    run, word = counted.way.run, WORD[counted.feasible]
    if not counted.met:
        return f"No: {_why_not(counted, limits)}."
    unsure = "" if counted.fits is not None else ", if the memory suffices, which is not known"
    tokens = "" if run.tokens is None else f" on {format_count(run.tokens)} tokens"
    train = "trains" if run.gpus == 1 else "train"
    return (
        f"{word}: {run.gpus:,} x {run.gpu.key} {train} {_work(counted)}{tokens} in "
        f"{_amounts(counted)}{unsure}."
    )


def _work(counted: Counted) -> str:
    work = counted.way.run.work
    return "" if isinstance(work, FlopsAmount) else work.key


def _amounts(counted: Counted) -> str:
    time, cost = counted.way.time, counted.way.usd
    usd = "" if cost is None else f" for {format_usd(cost)}"
    return f"{format_duration(time.wall_clock_s)}{usd}"


def _why_not(counted: Counted, limits: Limits) -> str:
    """Say which limit no tried number of GPUs meets, and give the nearest result."""
    run = counted.way.run
    numbers, work = f"no number of {run.gpu.key} up to {counted.largest:,}", _work(counted)
    if counted.fits is False:
        return f"{numbers} holds {work} without losing quality: {_too_much(counted)}"
    nearest = f"the nearest, {run.gpus:,} x {run.gpu.key}, needs {_amounts(counted)}"
    if limits.seconds is not None and not limits.in_time(counted.way):
        return f"{numbers} trains {work} in {format_duration(limits.seconds)}; {nearest}"
    within = "" if limits.seconds is None else f" in {format_duration(limits.seconds)}"
    return f"{numbers} trains {work}{within} for {format_usd(limits.usd or 0)}; {nearest}"


def _too_much(counted: Counted) -> str:
    """Say how much memory per GPU the requested options need, and how much a GPU has."""
    run = counted.way.run
    needed, usable = cells(("memory.peak_bytes", "memory.usable_bytes"), counted.way.estimate)
    where = "one GPU, which" if run.gpus == 1 else f"each of {run.gpus:,} GPUs, which"
    return f"with the requested options, it needs {needed} on {where} has {usable}"


def _result(counted: Counted, limits: Limits) -> Data:
    estimate = counted.way.estimate
    whole = answer(estimate)
    whole.pop("remedies")
    notes = [*_notes(counted), *whole.pop("notes")]
    return {
        **whole,
        "recipe": chosen_data(estimate.run),
        "search": {"candidates": counted.tried},
        "verdict": {"feasible": counted.feasible, "text": _sentence(counted, limits)},
        "command": command(estimate.run, "compare"),
        "notes": notes,
    }


def _notes(counted: Counted) -> Iterator[str]:
    """Yield notes on an unusually large batch, and on the numbers of GPUs that were tried."""
    run = counted.way.run
    if isinstance(run, ModelRun) and not run.asked("global_batch_tokens"):
        usual = run.micro_batch * run.seq_len * run.layout.dp
        full = usual == run.global_batch_tokens and not run.recipe.accumulate
        if full and run.layout.dp > 1:  # every replica has at least one micro-batch
            yield (
                f"the global batch has {format_count(usual)} tokens, one micro-batch per replica; "
                "a batch far above the usual size needs more tokens for the same loss"
            )
    if run.gpus > GPUS_PER_NODE:
        yield (
            "beyond one node only whole nodes are tried, each in a few common layouts; gptbudget "
            f"fit --gpus {run.gpus // 2}..{run.gpus} tries others"
        )


def _table(counts: Sequence[Counted]) -> Table:
    columns = ("gpu", "model", "gpus", "met", *heads(COUNT_COLUMNS))
    return Table(columns, tuple(map(_row, counts)), right=frozenset(columns[2:]))


def _row(counted: Counted) -> tuple[str, ...]:
    run = counted.way.run
    met = {True: "yes", False: "no", None: "?"}[counted.feasible]
    numbers = cells(COUNT_COLUMNS, counted.way.estimate)
    return (run.gpu.key, _work(counted), f"{run.gpus:,}", met, *numbers)
