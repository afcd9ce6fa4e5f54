"""The answer of ``fit`` as a document: ways in a table, what each choice does, what to type."""

from dataclasses import replace

from gptbudget.answer.command import command, framework_flags, option_words
from gptbudget.answer.data import SCHEMA, answer, request_data
from gptbudget.answer.document import Data, Document, Table
from gptbudget.answer.notes import notes as estimate_notes
from gptbudget.answer.quantities import (
    HARDWARE_COLUMNS,
    WAY_COLUMNS,
    assumed,
    cells,
    heads,
    known,
    table,
    tag,
)
from gptbudget.answer.verdict import of_usable, subject
from gptbudget.run.run import ModelRun
from gptbudget.search.ablation import Ablation
from gptbudget.search.candidate import Candidate
from gptbudget.search.changes import Change
from gptbudget.search.evaluate import BATCH_TOLERANCE
from gptbudget.search.result import Fit, Way
from gptbudget.specs.optimizers import OPTIMIZERS
from gptbudget.units import (
    YEAR_S,
    format_bytes,
    format_count,
    format_duration,
    format_many,
    format_usd,
)

_ROWS, _TOLD = 10, 3

_NAMES = {
    ("recipe", "pure"): "pure 16 bit",
    ("recipe", "master"): "16-bit weights, fp32 masters",
    ("recipe", "autocast"): "fp32 weights, 16-bit compute",
    **{("optimizer", name): spec.title for name, spec in OPTIMIZERS.items() if spec.tried_for},
    ("checkpointing", "full"): "full checkpointing",
    ("checkpointing", "selective"): "selective checkpointing",
    ("loss", "fused"): "fused loss",
    ("loss", "chunked"): "chunked loss",
    ("offload", "optimizer"): "optimizer on the host",
    ("offload", "all"): "states and weights on the host",
    ("method", "lora"): "LoRA",
    ("method", "qlora"): "QLoRA",
}

_NOTHING = 0.0005
_LITTLE_BYTES = 2**19


def fit_document(fit: Fit, *, tables: bool = True) -> Document:
    """The document of a search; without ``tables`` plain data only."""
    if not tables:
        data = _data(fit)
        return Document("", (), data, data["results"] or data["misses"])
    shown = fit.ways[: fit.top] if fit.top or fit.over_hardware else fit.best_of_families(_ROWS)
    notes, drawn = [*search_notes(fit), *fit.skipped], []
    if shown:
        notes = [_reproduced(fit, shown[0]), *notes, *estimate_notes(shown[0].estimate)]
        told = [way for way in shown[:_TOLD] if way.distances]
        drawn = [_ways(fit, shown), *([_distances(told)] if told else []), _assumed(shown[0])]
    return Document(headline(fit), tuple(drawn), {}, [], tuple(notes), _commands(fit, shown))


def _assumed(best: Way) -> Table:
    """The options of a way and where each is from; what the search chose says so."""
    chosen = {name.replace("_", "-") for name in choices(best)}
    lines = (
        line._replace(basis="chosen") if line.label in chosen else line
        for line in assumed(best.estimate)
    )
    return table("assumed, in the first row", lines)


def _reproduced(fit: Fit, best: Way) -> str:
    """The command that, with what stands in a row, answers it in full."""
    run = best.estimate.run
    own = choices(best).keys() | ({"gpu", "gpus"} if fit.over_hardware else set())
    values = {name: value for name, value in run.values.items() if name not in own}
    base = command(replace(run, values=values), "compare")
    more = " --gpu GPU --gpus N" if fit.over_hardware else ""
    return f'any row in full: {base}{more}, and what stands under "with"'


def _ways(fit: Fit, shown: list[Way]) -> Table:
    estimates = [way.estimate for way in shown]
    keys = HARDWARE_COLUMNS if fit.over_hardware else known(WAY_COLUMNS, estimates)
    hardware = ("gpus", "gpu") if fit.over_hardware else ()
    columns = ("", *hardware, *heads(keys))
    rows = []
    for place, way in enumerate(shown, start=1):
        on = (f"{way.candidate.gpus:,}", way.candidate.gpu.key) if hardware else ()
        numbers = cells(keys, way.estimate)
        rows.append((str(place), *on, *numbers, _quality(way), flags(way)))
    right = frozenset(columns) - {"gpu"}
    return Table((*columns, "quality", "with"), tuple(rows), right=right)


def _quality(way: Way) -> str:
    """Whether all its choices keep quality; which do not stands under ``with``."""
    return "lower" if losses(way) else "kept"


def _distances(told: list[Way]) -> Table:
    rows = [
        (str(place) if not line else "", distance_text(distance))
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
        quality = ", at lower quality" if way.candidate.quality_cost else ""
        said.append(f"nearest{quality}: {command(way.estimate.run, 'compare')}")
    return tuple(said)


def _data(fit: Fit) -> Data:
    found = fit.found
    estimates = [way.estimate for way in (*fit.ways, *fit.misses)]
    return {
        "schema": SCHEMA,
        "request": {
            name: each
            for name, each in request_data(estimates).items()
            if not isinstance(each["origin"], list)
        },
        "results": [_result(way) for way in fit.ways],
        "misses": [_result(way) for way in fit.misses],
        "search": {
            "gpus": [fit.space.counts[0], fit.space.counts[-1]],
            "minimize": fit.space.minimize,
            "max_wall_clock_s": fit.space.max_wall_clock_s,
            "max_usd": fit.space.max_usd,
            "candidates": found.candidates,
            "evaluated": found.evaluated,
            "feasible": found.feasible,
            "seconds": found.seconds,
            "interrupted": found.interrupted,
            "left_out": list(found.left_out),
        },
        "verdict": {"feasible": bool(fit.ways), "text": headline(fit)},
        "notes": [*search_notes(fit), *fit.skipped],
    }


def _result(way: Way) -> Data:
    """One way: the answer of ``compare``, and what sets it apart."""
    run: ModelRun = way.estimate.run
    plain = answer(way.estimate, advise=False)
    return {
        **plain,
        "choices": choices(way),
        "costs_quality": bool(losses(way)),
        "losses": losses(way),
        "distances": [
            {
                "choice": dict(each.choice),
                "time_ratio": each.time_ratio,
                "saved_bytes": each.saved_bytes,
                "text": distance_text(each),
            }
            for each in way.distances
        ],
        "command": command(run, "compare"),
        "programs": framework_flags(run),
    }


def choices(way: Way) -> Data:
    """What a way chooses that is not the default, by option; the model and hardware aside."""
    run = way.estimate.run
    chosen = {name: run.values[name] for name in way.candidate.choices if name in run.values}
    said = {name: value for name, value in chosen.items() if run.asked(name) and name != "gpus"}
    longer = run.asked("time") and "time" not in way.given
    return said | ({"time": run.horizon_s} if longer else {})


def flags(way: Way) -> str:
    """The same as they are typed."""
    return option_words(choices(way)) or "nothing but the defaults"


def losses(way: Way) -> list[str]:
    """Its choices that cost quality, in words."""
    chosen = way.candidate.choices
    made = [Change(option, value) for option, value in chosen.items()]
    found = [name_of(*change) for change in made if change.costs_quality]
    narrow = way.candidate.sums_in_16_bit and not found
    return [*found, "gradients summed in 16 bit"] if narrow else found


def name_of(option: str, value: object) -> str:
    """One choice in words."""
    if option == "micro_batch":
        return f"micro-batch {value}"
    return _NAMES.get((option, str(value)), option_words({option: value}))


def distance_text(distance: Ablation) -> str:
    """What a choice does: ``full checkpointing: +31 % time, -14.00 GiB``."""
    layout = len(distance.choice) > 1 or not _NAMES.keys() & set(distance.choice.items())
    only = next(iter(distance.choice.items()))
    named = option_words(distance.choice) if layout and only[0] != "micro_batch" else name_of(*only)
    if distance.time_ratio is None or distance.saved_bytes is None:
        return f"{named}: there is no such run without it"
    return f"{named}: {_time_in_words(distance.time_ratio)}, {_saved(distance.saved_bytes)}"


def _time_in_words(ratio: float) -> str:
    return "no more time" if abs(ratio - 1) < _NOTHING else f"{ratio - 1:+.1%} time"


def _saved(saved_bytes: float) -> str:
    if abs(saved_bytes) < _LITTLE_BYTES:
        return "no less memory"
    sign = "-" if saved_bytes >= 0 else "+"
    return f"{sign}{format_bytes(abs(saved_bytes))}"


def headline(fit: Fit) -> str:
    """The answer in one sentence."""
    if not fit.ways:
        return _no(fit)
    best = fit.ways[0]
    if fit.over_hardware:
        return f"{_yes(fit, best)}: {_front_in_words(fit)}."
    return f"{_yes(fit, best)}: {subject(best.estimate)} takes {amounts(best)}, with {flags(best)}."


def _yes(fit: Fit, best: Way) -> str:
    """How good a yes it is."""
    long = fit.space.max_wall_clock_s is None and best.candidate.wall_clock_s > YEAR_S
    yes = "It fits, in more than a year" if long else "Yes"
    loses = losses(best)
    return f"{yes}, at a loss of quality ({', '.join(loses)})" if loses else yes


def amounts(way: Way) -> str:
    """Time, money and memory of a way."""
    estimate, run = way.estimate, way.estimate.run
    said = format_duration(way.candidate.wall_clock_s)
    if run.tokens is not None:
        said += f" for {format_count(run.tokens)} tokens{tag(estimate, 'tokens')}"
    time = estimate.time
    if time is not None and time.low_s and time.high_s:
        said += f" (likely {format_duration(time.low_s)} to {format_duration(time.high_s)})"
    if way.candidate.usd is not None:
        said += f", {format_usd(way.candidate.usd)}"
    said += f" and {format_bytes(way.memory.needed_bytes)} {of_usable(run.usable_bytes)}"
    if way.candidate.host_bytes:
        said += f" and {format_bytes(way.candidate.host_bytes)} of host memory"
    return said


def _front_in_words(fit: Fit) -> str:
    best = fit.ways[0]
    ways = len(fit.ways)
    others = "nothing else is faster or cheaper" if ways == 1 else f"{ways} rows"
    if len(fit.space.counts) > 1:
        others += f", of {len(fit.space.counts)} numbers of GPUs tried"
    wanted = {
        "time": "the fastest",
        "cost": "the cheapest",
        "memory": "the one with most room",
        "gpus": "the fewest GPUs",
        "energy": "the least energy",
    }[fit.space.minimize]
    return f"{wanted} is {subject(best.estimate)}, {amounts(best)}; {others}"


def _no(fit: Fit) -> str:
    model, space, found = fit.space.work.key, fit.space, fit.found
    if found.interrupted:
        return f"Unknown: the search for {model} was interrupted before it found a way."
    limits = []
    fastest, cheapest = found.misses.get("fastest"), found.misses.get("cheapest")
    if fastest is not None and space.max_wall_clock_s is not None:
        taken = format_duration(fastest.wall_clock_s)
        limits.append(
            f"the fastest that fits takes {taken} of {format_duration(space.max_wall_clock_s)}"
            f"{_lower(fastest)}"
        )
    if cheapest is not None and space.max_usd is not None:
        spent = format_usd(cheapest.usd or 0)
        limits.append(
            f"the cheapest that fits costs {spent} of {format_usd(space.max_usd)}{_lower(cheapest)}"
        )
    if limits:
        return f"No: {model} fits, but {' and '.join(limits)}."
    return f"No: {model} fits in no way: {_nearest(fit)}."


def _lower(row: Candidate) -> str:
    """That a candidate costs quality, as the end of a clause."""
    return " at lower quality" if row.quality_cost else ""


def _nearest(fit: Fit) -> str:
    nearest = fit.found.misses.get("nearest")
    near = next((way for way in fit.misses if way.candidate is nearest), None)
    if near is None:
        return "nothing was evaluated"
    host, given = near.candidate.host_bytes, near.estimate.run.host_memory_bytes
    needs = [_needs(near.candidate.peak_bytes, near.estimate.run.usable_bytes or 0, "")]
    if given is not None and host:
        needs.append(_needs(host, given, " of host memory"))
    said = f"the nearest, {subject(near.estimate)} with {flags(near)}, needs"
    return f"{said} {' and '.join(needs)}{_lower(near.candidate)}"


def _needs(needed: float, there_is: float, what: str) -> str:
    over = needed - there_is
    too_much = f", {format_bytes(over)} too much" if over > 0 else ""
    return f"{format_bytes(needed)} of {format_bytes(there_is)}{what}{too_much}"


def search_notes(fit: Fit) -> list[str]:
    """What was searched, and what was not."""
    found = fit.found
    said = [
        f"{format_many(found.candidates, 'candidate')}, {found.evaluated:,} of them allowed by the "
        f"rules and evaluated, {found.feasible:,} of those holding everything, in "
        f"{format_duration(found.seconds)}"
    ]
    if found.interrupted:
        said.insert(0, "the search was interrupted: this is the best of what it had seen")
    if found.left_out:
        said.append(
            f"not searched, because others fit: {' and '.join(found.left_out)} "
            "(a choice that is given is always kept)"
        )
    if fit.ways and not losses(fit.ways[0]) and any(map(losses, fit.ways)):
        lower = dict.fromkeys(name for way in fit.ways for name in losses(way))
        said.append(f"quality is lower with {', '.join(lower)}: such ways come after all others")
    if fit.ways and (short := _short_batch(fit)):
        said.append(short)
    counts = fit.space.counts
    if fit.ways and "pp" not in fit.space.options.given:
        said.append("stages of unequal numbers of layers are tried without interleaving")
    if len(counts) > 1:
        said.append(
            f"numbers of GPUs tried: {len(counts)} from {counts[0]} to {counts[-1]}: every one of "
            "a range of 64, of a longer one whole nodes beyond the first, about a sixteenth apart"
        )
    return said


def _short_batch(fit: Fit) -> str | None:
    """That a default batch is what keeps replicas few."""
    run, most = fit.ways[0].estimate.run, fit.space.counts[-1]
    if run.asked("global_batch_tokens") or not run.seq_len or not run.global_batch_tokens:
        return None
    sequences = run.global_batch_tokens // run.seq_len
    said = (
        f"no layout is tried whose step is more than {BATCH_TOLERANCE:.0%} off the tokens that it "
        "has by default (--global-batch-tokens)"
    )
    if sequences >= most:
        return said
    return f"{said}: {format_many(sequences, 'sequence')}, and so many replicas at most"
