"""The answer of ``dry-run``: whether the program fits, its peak, and the tensors alive there."""

from collections.abc import Sequence
from typing import Any

from gptbudget.answer.document import Data, Document, Table, grid
from gptbudget.dryrun.run import DryRun
from gptbudget.dryrun.tries import Tries, Try
from gptbudget.units import GIB, format_bytes, format_many, format_percent

_READS_SHOWN = 8
_PHASES = {
    "start": "at the start",
    "forward": "in the forward pass",
    "backward": "in the backward pass",
    "optimizer_step": "in the optimizer step",
    "outside": "outside of the passes",
}


def dry_run_document(runs: Sequence[tuple[DryRun, DryRun | None]]) -> Document:
    """The answer of one rank or of several; the one that needs most speaks for all.

    Each run comes with one on a card without limit, where the first ran out of memory.
    """
    results = [_result(run, unlimited) for run, unlimited in runs]
    first = runs[0][0]
    data: Data = {
        "schema": 1,
        "program": {
            "command": list(first.asked.command),
            "python": str(first.environment.python),
            "torch": first.environment.torch_version,
        },
        "results": results,
    }
    tables = [table for result in results for table in _tables(result, several=len(results) > 1)]
    notes = [note for run, _ in runs for note in _notes(run)]
    worst = max(results, key=lambda each: (*_NEED[each["memory"]["fits"]], _peak(each)))
    text = worst["verdict"]["text"]
    if len(results) > 1:
        text = f"{text[:-1]}; rank {worst['rank']} needs most of {len(results)} that were run."
    return Document(text, tuple(tables), data, results, tuple(dict.fromkeys(notes)))


_NEED = {False: (2,), None: (1,), True: (0,)}


def _peak(result: Data) -> int:
    return result["memory"]["peak_allocated_bytes"] or 0


def tries_document(tries: Tries) -> Document:
    """The largest value that fits, the runs that found it, and its memory."""
    shown = tries.best or tries.tries[0]
    document = dry_run_document([(shown.run, None)])
    rows = [_try_data(each) for each in sorted(tries.tries, key=lambda each: each.value)]
    text = _largest(tries, document)
    table = grid(
        rows,
        {
            "value": lambda row: f"{row['value']:,}",
            "fits": lambda row: {True: "yes", False: "no", None: "not known"}[row["fits"]],
            "peak": lambda row: format_bytes(row["peak_allocated_bytes"] or 0),
            "reserved": lambda row: format_bytes(row["peak_reserved_bytes"] or 0),
        },
        "tried",
        words={"fits"},
    )
    data = {**document.data, "tries": rows, "largest": tries.best.value if tries.best else None}
    data["results"][0]["verdict"]["text"] = text
    return document._replace(headline=text, tables=(table, *document.tables), data=data)


def _try_data(tried: Try) -> Data:
    memory = _memory(tried.run, tried.run)
    names = ("fits", "peak_allocated_bytes", "peak_reserved_bytes")
    return {"value": tried.value, **{name: memory[name] for name in names}}


def _largest(tries: Tries, document: Document) -> str:
    if tries.best is None:
        return f"Not even {tries.tries[0].value} fits. {document.headline}"
    text = f"The largest that fits is {tries.best.value}: {document.headline[len('Fits: ') :]}"
    if tries.worse is None:
        return f"{text[:-1]}; no larger one was tried."
    refused = (tries.worse.run.report.get("refusals") or [{"line": ""}])[-1]
    where = f" at {refused['line']}" if refused["line"] else ""
    return f"{text[:-1]}; {tries.worse.value} runs out of memory{where}."


def fits(run: DryRun) -> bool:
    """Whether the program is known to fit."""
    return _fits(run) is True


def _result(run: DryRun, unlimited: DryRun | None) -> Data:
    memory = _memory(run, unlimited or run)
    return {
        "gpu": {"name": run.asked.gpu.name},
        "gpus": run.report.get("world_size") or 1,
        "rank": run.asked.rank,
        "steps": run.report.get("steps", 0),
        "tokens_per_step": run.report.get("tokens_per_step"),
        "memory": memory,
        "reads": run.report.get("reads", []),
        "verdict": {"feasible": memory["fits"], "text": _headline(run, memory)},
    }


def _memory(run: DryRun, measured: DryRun) -> Data:
    """Amounts in bytes, of the run that went to its end."""
    report = measured.report
    spans, peak = report.get("spans", []), report.get("at_peak") or {}
    phases = {
        phase: max(
            (span["peak_allocated_bytes"] for span in spans if span["phase"] == phase), default=None
        )
        for phase in _PHASES
    }
    allocated = max((amount for amount in phases.values() if amount is not None), default=None)
    return {
        "peak_allocated_bytes": allocated,
        "peak_requested_bytes": _most(spans, "peak_requested_bytes"),
        "peak_reserved_bytes": _most(spans, "peak_reserved_bytes"),
        "usable_bytes": run.usable_bytes,
        "fits": _fits(run),
        "phase": next((phase for phase in phases if phases[phase] == allocated), None),
        "phases": phases,
        "alive": peak.get("alive", {}),
        "largest": peak.get("largest", []),
        "host_bytes": {
            "pinned": report.get("pinned_peak_bytes"),
            "process": report.get("pageable_peak_bytes"),
        },
    }


def _most(spans: list[dict[str, Any]], name: str) -> int | None:
    return max((span[name] for span in spans), default=None)


def _fits(run: DryRun) -> bool | None:
    """Unknown where the program ended before its second step, and not for want of memory."""
    error = run.report.get("error")
    most = _most(run.report.get("spans", []), "peak_allocated_bytes") or 0
    if (error and error["out_of_memory"]) or most > run.usable_bytes:
        return False
    return True if run.report.get("steps", 0) > 0 and not run.timed_out else None


def _headline(run: DryRun, memory: Data) -> str:
    report, card = run.report, run.asked.gpu
    if memory["fits"] is False:
        return _out_of_memory(run, memory)
    if memory["peak_allocated_bytes"] is None:
        return f"Not known: the program used no memory of the card, and {_ending(run)}."
    amount = f"{format_bytes(memory['peak_allocated_bytes'])} of {format_bytes(run.usable_bytes)}"
    where = f"{_PHASES[memory['phase']]} (reserved {format_bytes(memory['peak_reserved_bytes'])})"
    if memory["fits"] is None:
        return f"Not known: {amount} on {card.name} until {_ending(run)}, {where}."
    tokens = report.get("tokens_per_step")
    step = f", {tokens:,} tokens a step" if tokens else ""
    return f"Fits: {amount} {where}{step}{_assumed(report)}."


def _assumed(report: Any) -> str:
    """That a shape was assumed, which the first line has to say."""
    shapes = [read for read in report.get("reads", []) if read["decides_shape"]]
    if not shapes:
        return ""
    return f"; {shapes[0]['line']} takes a shape from unknown values: the largest is assumed"


def _ending(run: DryRun) -> str:
    error = run.report.get("error")
    if run.timed_out:
        at = f", at {error['line']}" if error and error["line"] else ""
        return f"it was stopped after {run.asked.timeout_s:g} s{at}"
    if error:
        return f"it ended with {error['type']} at {error['line']}"
    return "it ended without an optimizer step"


def _out_of_memory(run: DryRun, memory: Data) -> str:
    refused = (run.report.get("refusals") or [{"bytes": 0, "line": "", "phase": "start"}])[-1]
    sold = run.asked.gpu.memory_gib or run.usable_bytes / GIB
    asked = f"{refused['line']} asked for {format_bytes(refused['bytes'])} more"
    text = f"Out of memory on a {sold:g} GB card: {asked} {_PHASES[refused['phase']]}"
    needed = memory["peak_allocated_bytes"]
    if needed is not None and memory["peak_reserved_bytes"]:
        taken = float(run.asked.gpu.memory_bytes or 0) - run.usable_bytes
        text += f"; {format_bytes(needed + taken)} would be enough"
    return f"{text}."


def _tables(result: Data, *, several: bool = False) -> list[Table]:
    memory, of = result["memory"], f" of rank {result['rank']}" if several else ""
    whole = memory["usable_bytes"]
    phases = {name: amount for name, amount in memory["phases"].items() if amount is not None}
    return [
        _amounts(f"peak allocated{of}", "phase", phases, whole),
        _amounts(f"alive at the peak{of}", "part", memory["alive"], whole),
        grid(
            memory["largest"][:8],
            {
                "largest": lambda block: block["kind"].replace("_", " "),
                "made at": lambda block: block["line"] or "autograd",
                "bytes": lambda block: format_bytes(block["bytes"]),
            },
            f"largest tensors at the peak{of}",
            words={"made at"},
        ),
    ]


def _amounts(title: str, column: str, amounts: dict[str, int], whole: float) -> Table:
    return Table(
        (column, "bytes", "of the card"),
        tuple(
            (name.replace("_", " "), format_bytes(amount), format_percent(amount / whole))
            for name, amount in amounts.items()
        ),
        title=title,
        right=frozenset({"bytes", "of the card"}),
        bars=tuple(amount / whole for amount in amounts.values()),
    )


def _notes(run: DryRun) -> list[str]:
    report = run.report
    notes = [
        f"The program ran with {run.environment.python}, PyTorch {run.environment.torch_version}, "
        f"and no GPU; {report.get('steps', 0)} optimizer steps in {report.get('seconds', 0)} s."
    ]
    refusals = report.get("refusals", [])
    if refusals and not (report.get("error") or {}).get("out_of_memory"):
        notes.append(
            f"The card was full {format_many(len(refusals), 'time')}, last at "
            f"{refusals[-1]['line']}; the program caught the error and went on."
        )
    if report.get("shared_peak_bytes"):
        notes.append(
            f"{format_bytes(report['shared_peak_bytes'])} of the host's memory had no memory "
            "behind it: large CPU tensors beyond the first GiB keep no values."
        )
    if report.get("routed"):
        notes.append(
            f"{report['routed']} choices of a router were spread evenly over all experts; real "
            "routing is not even, and the fullest expert needs more."
        )
    notes += [_read_in_words(read) for read in report.get("reads", [])[:_READS_SHOWN]]
    return notes


def _read_in_words(read: Data) -> str:
    """Say which line reads a value that a dry run does not compute, and what it gets instead."""
    given = "the largest shape" if read["decides_shape"] else "1, 0 or False"
    times = format_many(read["count"], "time")
    return (
        f"{read['line']} reads a value that a dry run does not compute ({read['function']}, "
        f"{times}); it gets {given}"
    )
