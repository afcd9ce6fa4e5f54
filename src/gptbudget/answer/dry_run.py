"""What a dry run says: whether the program fits the card, where its peak is, and what it holds."""

from typing import Any

from gptbudget.answer.document import Data, Document, Table, grid
from gptbudget.dryrun.run import DryRun
from gptbudget.units import GIB, format_bytes, format_percent

_PHASES = {
    "start": "at the start",
    "forward": "in the forward pass",
    "backward": "in the backward pass",
    "optimizer_step": "in the optimizer step",
    "outside": "outside of the passes",
}


def dry_run_document(runs: list[tuple[DryRun, DryRun | None]]) -> Document:
    """The answer; each run comes with one on a card without limit, where the first ran out."""
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
    tables = [table for result in results for table in _tables(result)]
    notes = [note for run, _ in runs for note in _notes(run)]
    return Document(results[0]["verdict"]["text"], tuple(tables), data, results, tuple(notes))


def _result(run: DryRun, unlimited: DryRun | None) -> Data:
    memory = _memory(run, unlimited or run)
    return {
        "gpu": {"name": run.asked.gpu.name},
        "gpus": run.report.get("world_size") or 1,
        "rank": run.asked.rank,
        "steps": run.report.get("steps", 0),
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
        return f"Not known: {amount} of a {card.name} until {_ending(run)}, {where}."
    assumed = _assumed(report)
    return f"Fits: {amount} {where}{assumed}."


def _assumed(report: Any) -> str:
    """That a shape was assumed, which the first line has to say."""
    shapes = [read for read in report.get("reads", []) if read["decides_shape"]]
    if not shapes:
        return ""
    return f"; {shapes[0]['line']} takes a shape from values that nobody knows: as the largest"


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
        text += f"; {format_bytes(needed + taken)} would do"
    return f"{text}."


def _tables(result: Data) -> list[Table]:
    memory = result["memory"]
    whole = memory["usable_bytes"]
    phases = {name: amount for name, amount in memory["phases"].items() if amount is not None}
    return [
        _amounts("peak allocated", "phase", phases, whole),
        _amounts("alive at the peak", "part", memory["alive"], whole),
        grid(
            memory["largest"][:8],
            {
                "largest": lambda block: block["kind"].replace("_", " "),
                "made at": lambda block: block["line"] or "autograd",
                "bytes": lambda block: format_bytes(block["bytes"]),
            },
            "largest tensors at the peak",
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
            f"The card was full {len(refusals)} times and the program went on, last at "
            f"{refusals[-1]['line']}."
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
    notes += [
        f"{read['line']}: {read['function']} asks for a value that nobody knows "
        + ("(decides a shape)" if read["decides_shape"] else "(taken as 1, 0 or False)")
        + f", {read['count']} times"
        for read in report.get("reads", [])[:8]
    ]
    return notes
