"""The answer of ``fit`` as a document: ways in a table, what each choice does, what to type."""

from __future__ import annotations

from typing import Any

from gptbudget.report.answer import SCHEMA, answer, request_data
from gptbudget.report.command import command
from gptbudget.report.document import Document, Table
from gptbudget.report.fit import words
from gptbudget.report.frameworks import framework_flags
from gptbudget.report.notes import notes as estimate_notes
from gptbudget.report.rows import assumed
from gptbudget.run.run import TrainingRun
from gptbudget.search.ablation import needed_bytes
from gptbudget.search.result import Fit, Way
from gptbudget.units import format_bytes, format_duration, format_usd

_ROWS, _TOLD = 10, 3


def fit_document(fit: Fit, *, tables: bool = True) -> Document:
    """The document of a search; without ``tables`` plain data only."""
    if not tables:
        data = _data(fit)
        return Document("", (), data, data["results"] or data["misses"])
    shown = fit.ways[: fit.top] if fit.top or fit.over_hardware else fit.best_of_families(_ROWS)
    drawn = []
    if shown:
        drawn.append(_hardware(shown) if fit.over_hardware else _ways(shown))
    told = [way for way in shown[:_TOLD] if way.distances]
    if told:
        drawn.append(_distances(told))
    best = shown[0].estimate if shown else None
    if best is not None:
        drawn.append(_assumed(shown[0]))
    of_best = () if best is None else tuple(estimate_notes(best))
    notes = (*_reproduced(fit), *words.search_notes(fit), *fit.skipped, *of_best)
    return Document(words.headline(fit), tuple(drawn), {}, [], notes, _commands(fit, shown))


def _assumed(best: Way) -> Table:
    """The options of a way and where each is from; what the search chose says so."""
    chosen = {name.replace("_", "-") for name in words.choices(best)}
    rows = tuple(
        (row.label, row.value, "chosen" if row.label in chosen else row.basis)
        for row in assumed(best.estimate)
    )
    return Table(("", "", ""), rows, title="assumed, in the first row")


def _reproduced(fit: Fit) -> tuple[str, ...]:
    """The command that, with what stands in a row, answers it in full."""
    if not fit.ways:
        return ()
    run = fit.ways[0].estimate.run
    own = words.choices(fit.ways[0]).keys() | ({"gpu", "gpus"} if fit.over_hardware else set())
    base = command(
        run._replace(values={k: v for k, v in run.values.items() if k not in own}), "compare"
    )
    more = " --gpu GPU --gpus N" if fit.over_hardware else ""
    return (f'any row in full: {base}{more}, and what stands under "with"',)


def _ways(shown: list[Way]) -> Table:
    priced = any(way.candidate.usd is not None for way in shown)
    hosted = any(way.candidate.host_bytes for way in shown)
    columns = ["", "wall clock", *["cost"] * priced, "memory", *["host"] * hosted]
    rows = []
    for place, way in enumerate(shown, start=1):
        row = [str(place), format_duration(way.candidate.wall_clock_s)]
        row += [_usd(way)] * priced
        row += [format_bytes(needed_bytes(way.estimate))]
        row += [_host(way)] * hosted
        rows.append((*row, _quality(way), words.flags(way)))
    right = frozenset(columns)
    return Table((*columns, "quality", "with"), tuple(rows), right=right)


def _hardware(shown: list[Way]) -> Table:
    columns = ("", "gpus", "gpu", "wall clock", "cost", "memory")
    rows = []
    for place, way in enumerate(shown, start=1):
        rows.append(
            (
                str(place),
                f"{way.candidate.gpus:,}",
                way.candidate.gpu.key,
                format_duration(way.candidate.wall_clock_s),
                _usd(way),
                format_bytes(needed_bytes(way.estimate)),
                _quality(way),
                words.flags(way),
            )
        )
    right = frozenset(columns) - {"gpu"}
    return Table((*columns, "quality", "with"), tuple(rows), right=right)


def _quality(way: Way) -> str:
    """Whether all its choices keep quality; which do not stands under ``with``."""
    return "lower" if words.losses(way) else "kept"


def _usd(way: Way) -> str:
    return "?" if way.candidate.usd is None else format_usd(way.candidate.usd)


def _host(way: Way) -> str:
    return format_bytes(way.candidate.host_bytes) if way.candidate.host_bytes else ""


def _distances(told: list[Way]) -> Table:
    rows = [
        (str(place) if not line else "", words.distance_text(distance))
        for place, way in enumerate(told, start=1)
        for line, distance in enumerate(way.distances)
    ]
    return Table(("", "each choice, beside the same run without it"), tuple(rows))


def _commands(fit: Fit, shown: list[Way]) -> tuple[str, ...]:
    said = []
    for place, way in enumerate(shown[:_TOLD], start=1):
        run = way.estimate.run
        said.append(f"{place}: {command(run, 'compare')}")
    mapped = ((place, framework_flags(way.estimate.run)) for place, way in enumerate(shown, 1))
    first, lines = next((pair for pair in mapped if pair[1]), (0, {}))
    said += [f"{first}, {program}: {line}" for program, line in lines.items()]
    for way in fit.misses:
        quality = ", at lower quality" if way.candidate.loss else ""
        said.append(f"nearest{quality}: {command(way.estimate.run, 'compare')}")
    return tuple(said)


def _data(fit: Fit) -> dict[str, Any]:
    found = fit.found
    estimates = [way.estimate for way in (*fit.ways, *fit.misses)]
    return {
        "schema": SCHEMA,
        "request": {
            name: each
            for name, each in request_data(estimates).items()
            if not isinstance(each["origin"], list)
        }
        if estimates
        else {},
        "results": [_result(way) for way in fit.ways],
        "misses": [_result(way) for way in fit.misses],
        "search": {
            **words.settings(fit),
            "candidates": found.candidates,
            "evaluated": found.evaluated,
            "feasible": found.feasible,
            "seconds": found.seconds,
            "interrupted": found.interrupted,
            "left_out": list(found.left_out),
        },
        "verdict": {"feasible": bool(fit.ways), "text": words.headline(fit)},
        "notes": [*words.search_notes(fit), *fit.skipped],
    }


def _result(way: Way) -> dict[str, Any]:
    """One way: the answer of ``compare``, and what sets it apart."""
    run: TrainingRun = way.estimate.run
    plain = answer(way.estimate, advise=False)
    return {
        **plain,
        "choices": words.choices(way),
        "costs_quality": bool(words.losses(way)),
        "losses": words.losses(way),
        "distances": [
            {
                "choice": dict(each.choice),
                "time_ratio": each.time_ratio,
                "saved_bytes": each.saved_bytes,
                "text": words.distance_text(each),
            }
            for each in way.distances
        ],
        "command": command(run, "compare"),
        "programs": framework_flags(run),
    }
