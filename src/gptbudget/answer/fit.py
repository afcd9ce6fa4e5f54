"""The answer of ``fit``: a table of ways to train, the effect of each choice, and commands."""

from collections.abc import Iterator
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

_ROWS, _IN_FULL = 10, 3
"""Ways in the table, and those of them whose choices and command are shown too."""

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
    notes, drawn = [*_search_notes(fit), *fit.skipped], []
    if shown:
        notes = [_reproduced(fit, shown[0]), *notes, *estimate_notes(shown[0].estimate)]
        distances = _distances(shown[:_IN_FULL])
        drawn = [_ways(fit, shown), *([distances] if distances.rows else []), _assumed(shown[0])]
    commands = tuple(_commands(fit, shown))
    return Document(headline(fit), tuple(drawn), {}, [], tuple(notes), commands)


def _assumed(best: Way) -> Table:
    """Return the options of the best way with their origins; the search's are "chosen"."""
    chosen = {name.replace("_", "-") for name in choices(best)}
    lines = (
        line._replace(basis="chosen") if line.label in chosen else line
        for line in assumed(best.estimate)
    )
    return table("assumed, in the first row", lines)


def _reproduced(fit: Fit, best: Way) -> str:
    """Name the command that shows a row in full, with the options of that row added."""
    run = best.estimate.run
    own = choices(best).keys() | ({"gpu", "gpus"} if fit.over_hardware else set())
    values = {name: value for name, value in run.values.items() if name not in own}
    base = command(replace(run, values=values), "compare")
    more = " --gpu GPU --gpus N" if fit.over_hardware else ""
    return f'to see a row in full: {base}{more}, and the options under "with"'


def _ways(fit: Fit, shown: list[Way]) -> Table:
    estimates = [way.estimate for way in shown]
    keys = HARDWARE_COLUMNS if fit.over_hardware else known(WAY_COLUMNS, estimates)
    hardware = ("gpus", "gpu") if fit.over_hardware else ()
    columns = ("", *hardware, *heads(keys))
    rows = []
    for place, way in enumerate(shown, start=1):
        on = (f"{way.candidate.gpus:,}", way.candidate.gpu.key) if hardware else ()
        quality = "lower" if losses(way) else "kept"
        rows.append((str(place), *on, *cells(keys, way.estimate), quality, flags(way)))
    right = frozenset(columns) - {"gpu"}
    return Table((*columns, "quality", "with"), tuple(rows), right=right)


def _distances(ways: list[Way]) -> Table:
    rows = [
        (str(place) if not line else "", distance_text(distance))
        for place, way in enumerate((way for way in ways if way.distances), start=1)
        for line, distance in enumerate(way.distances)
    ]
    return Table(("", "effect of each choice, compared with the same run without it"), tuple(rows))


def _commands(fit: Fit, shown: list[Way]) -> Iterator[str]:
    for place, way in enumerate(shown[:_IN_FULL], start=1):
        yield f"{place}: {command(way.estimate.run, 'compare')}"
    lines = ((place, framework_flags(way.estimate.run)) for place, way in enumerate(shown, 1))
    first, programs = next((pair for pair in lines if pair[1]), (0, {}))
    for program, line in programs.items():
        yield f"{first}, {program}: {line}"
    for way in fit.misses:
        yield f"nearest{_lower(way.candidate, ',')}: {command(way.estimate.run, 'compare')}"


def _data(fit: Fit) -> Data:
    counted = fit.found
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
            "candidates": counted.candidates,
            "evaluated": counted.evaluated,
            "feasible": counted.feasible,
            "seconds": counted.seconds,
            "interrupted": counted.interrupted,
            "left_out": list(counted.left_out),
        },
        "verdict": {"feasible": bool(fit.ways), "text": headline(fit)},
        "notes": [*_search_notes(fit), *fit.skipped],
    }


def _result(way: Way) -> Data:
    """Return one way: the answer of ``compare``, its choices, their effects and its command."""
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
    """Return the chosen options that differ from the default, without model and hardware."""
    run = way.estimate.run
    chosen = {name: run.values[name] for name in way.candidate.choices if name in run.values}
    asked = {name: value for name, value in chosen.items() if run.asked(name) and name != "gpus"}
    longer = run.asked("time") and "time" not in way.given
    return asked | ({"time": run.horizon_s} if longer else {})


def flags(way: Way) -> str:
    """Return the choices as command-line flags."""
    return option_words(choices(way)) or "the default options"


def losses(way: Way) -> list[str]:
    """Return the names of its choices that lower quality."""
    chosen = way.candidate.choices
    made = [Change(option, value) for option, value in chosen.items()]
    lossy = [name_of(*change) for change in made if change.costs_quality]
    narrow = way.candidate.sums_in_16_bit and not lossy
    return [*lossy, "gradients summed in 16 bit"] if narrow else lossy


def name_of(option: str, value: object) -> str:
    """Return the name of a choice, for example ``full checkpointing``."""
    if option == "micro_batch":
        return f"micro-batch {value}"
    return _NAMES.get((option, str(value)), option_words({option: value}))


def distance_text(distance: Ablation) -> str:
    """Return the effect of a choice: ``full checkpointing: +31 % time, -14.00 GiB``."""
    layout = len(distance.choice) > 1 or not _NAMES.keys() & set(distance.choice.items())
    only = next(iter(distance.choice.items()))
    named = option_words(distance.choice) if layout and only[0] != "micro_batch" else name_of(*only)
    if distance.time_ratio is None or distance.saved_bytes is None:
        return f"{named}: a run without it is not possible"
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
    """Begin the headline: yes, and whether it takes over a year or lowers quality."""
    long = fit.space.max_wall_clock_s is None and best.candidate.wall_clock_s > YEAR_S
    yes = "It fits, in more than a year" if long else "Yes"
    loses = losses(best)
    return f"{yes}, at a loss of quality ({', '.join(loses)})" if loses else yes


def amounts(way: Way) -> str:
    """Time, money and memory of a way."""
    estimate, run = way.estimate, way.estimate.run
    text = format_duration(way.candidate.wall_clock_s)
    if run.tokens is not None:
        text += f" for {format_count(run.tokens)} tokens{tag(estimate, 'tokens')}"
    time = estimate.time
    if time is not None and time.low_s and time.high_s:
        text += f" (likely {format_duration(time.low_s)} to {format_duration(time.high_s)})"
    if way.candidate.usd is not None:
        text += f", {format_usd(way.candidate.usd)}"
    text += f" and {format_bytes(way.memory.needed_bytes)} {of_usable(run.usable_bytes)}"
    if way.candidate.host_bytes:
        text += f" and {format_bytes(way.candidate.host_bytes)} of host memory"
    return text


def _front_in_words(fit: Fit) -> str:
    best = fit.ways[0]
    ways = len(fit.ways)
    others = "nothing else is faster or cheaper" if ways == 1 else f"{ways} rows"
    if len(fit.space.counts) > 1:
        others += f", of {len(fit.space.counts)} numbers of GPUs tried"
    wanted = {
        "time": "the fastest",
        "cost": "the cheapest",
        "memory": "the one that needs least memory",
        "gpus": "the fewest GPUs",
        "energy": "the least energy",
    }[fit.space.minimize]
    return f"{wanted} is {subject(best.estimate)}, {amounts(best)}; {others}"


def _no(fit: Fit) -> str:
    model, space, result = fit.space.work.key, fit.space, fit.found
    if result.interrupted:
        return f"Unknown: the search for {model} was interrupted before it found a way."
    limits = []
    fastest, cheapest = result.misses.get("fastest"), result.misses.get("cheapest")
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


def _lower(row: Candidate, comma: str = "") -> str:
    """The end of a clause: ``at lower quality`` if the candidate lowers quality, else empty."""
    return f"{comma} at lower quality" if row.quality_cost else ""


def _nearest(fit: Fit) -> str:
    nearest = fit.found.misses.get("nearest")
    near = next((way for way in fit.misses if way.candidate is nearest), None)
    if near is None:
        return "nothing was evaluated"
    host, given = near.candidate.host_bytes, near.estimate.run.host_memory_bytes
    needs = [_needs(near.candidate.peak_bytes, near.estimate.run.usable_bytes or 0, "")]
    if given is not None and host:
        needs.append(_needs(host, given, " of host memory"))
    way = f"the nearest, {subject(near.estimate)} with {flags(near)},"
    return f"{way} needs {' and '.join(needs)}{_lower(near.candidate)}"


def _needs(needed: float, there_is: float, what: str) -> str:
    over = needed - there_is
    too_much = f", {format_bytes(over)} too much" if over > 0 else ""
    return f"{format_bytes(needed)} of {format_bytes(there_is)}{what}{too_much}"


def _search_notes(fit: Fit) -> Iterator[str]:
    """Yield notes on what was searched, and what was not."""
    counted, counts = fit.found, fit.space.counts
    if counted.interrupted:
        yield "the search was interrupted: this is the best result so far"
    yield (
        f"{format_many(counted.candidates, 'candidate')}, {counted.evaluated:,} of them valid and "
        f"evaluated, {counted.feasible:,} of those within memory and all limits, in "
        f"{format_duration(counted.seconds)}"
    )
    if counted.left_out:
        yield (
            f"not searched, because others fit: {' and '.join(counted.left_out)} "
            "(an option that you give is always used)"
        )
    if fit.ways:
        lower = dict.fromkeys(name for way in fit.ways for name in losses(way))
        if lower and not losses(fit.ways[0]):
            yield f"quality is lower with {', '.join(lower)}: these rows are ranked last"
        yield from _short_batch(fit)
        if "pp" not in fit.space.options.given:
            yield "stages of unequal numbers of layers are tried without interleaving"
    if len(counts) > 1:
        yield (
            f"numbers of GPUs tried: {len(counts)} from {counts[0]} to {counts[-1]}: all of a "
            "range of up to 64; of a longer one only whole nodes beyond the first, about 1/16 apart"
        )


def _short_batch(fit: Fit) -> Iterator[str]:
    """Note that the default global batch limits the layouts and replicas tried."""
    run = fit.ways[0].estimate.run
    if not run.asked("global_batch_tokens") and run.seq_len and run.global_batch_tokens:
        sequences = run.global_batch_tokens // run.seq_len
        few = f": {format_many(sequences, 'sequence')}, which is also the most replicas tried"
        yield (
            f"layouts whose global batch differs by more than {BATCH_TOLERANCE:.0%} from the "
            "default are not tried (--global-batch-tokens)"
            + (few if sequences < fit.space.counts[-1] else "")
        )
