"""Recompute an estimate with traced numbers, to record the formula of every number in the answer.

Options, catalog entries and the constants of a stack are wrapped field by field in ``Traced``
numbers, named by their path. The run is then completed and estimated as usual.
"""

from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gptbudget.answer.data import amounts
from gptbudget.answer.document import flatten
from gptbudget.answer.explain.steps import Explanation, Input, Origin, Step, unit_of
from gptbudget.answer.explain.traced import LEAF, Traced, Tracing
from gptbudget.answer.prices import rent_source
from gptbudget.budget.budget import Plan
from gptbudget.budget.laws import optimum
from gptbudget.catalog.reference import load_grids
from gptbudget.run.complete import complete_run
from gptbudget.run.estimate import Estimate
from gptbudget.run.estimate import estimate as estimate_run
from gptbudget.run.run import FlopsAmount, NamedModel, Setting
from gptbudget.specs.base import Spec
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.options import OPTIONS

NOTHING_CHOSEN: Mapping[str, str] = MappingProxyType({})

_LEAVES = {
    "model.attention.heads": "heads",
    "model.attention.kv_heads": "kv_heads",
    "model.attention.head_width": "head_width",
    "model.context": "context",
    "model.ffn.width": "ffn_width",
    "model.layers": "layers",
    "model.vocabulary": "vocabulary",
    "model.width": "width",
    "tokens.tokens_per_parameter": "tokens_per_parameter",
    "data": "data_bytes",
    "gpu_memory": "gpu_memory_bytes",
    "grid": "grid_g_per_kwh",
    "host_memory": "host_memory_bytes",
    "kwh_price": "kwh_price_usd",
    "network": "network_gb_per_s",
    "power": "power_w",
    "price": "price_usd_per_hour",
    "reserve": "reserve_bytes",
    "time": "horizon_s",
}
"""Shorter names for inputs, used where the field path is too long or lacks the unit."""

_CITING = ("source", "evidence", "sources")
"""Fields that hold the source of a record."""

_OF_MODEL = ("query_width", "kv_width", "head_width", "ffn_width", "active_ffn_width")
_OF_RUN = ("micro_batches", "step_tokens", "global_batch_tokens")
"""Properties of a model and of a run that appear in many formulas and therefore keep a name."""

_SECTIONS = {"parameters": "model", "rank": "memory", "machine": "time"}
"""Maps a record of intermediate results to the section of the answer it belongs to."""

_ALL = frozenset({"run", "model", "compute", "memory", "time", "cost"})
"""The sections of an answer; ``run`` holds the numbers outside of all others."""

_GENERAL = frozenset({"required_flops", "active_parameters"})
"""Numbers that often equal a more specific one, whose name takes precedence."""

Visit = Callable[[str, Any, str], Any]
"""A function of the field path, the number and its source; returns the number that replaces it."""


class Quantity(NamedTuple):
    """A number of the answer: its path in the JSON, its name in formulas, and its value."""

    path: str
    name: str
    value: float | None

    @property
    def section(self) -> str:
        """The section of the answer that it belongs to."""
        return self.path.partition(".")[0] if "." in self.path else "run"


def quantities(estimate: Estimate) -> list[Quantity]:
    """The numbers of an answer, also those that are not known."""
    values = flatten(amounts(estimate))
    ends = [path.partition(".")[2] for path in values]

    def name(path: str) -> str:
        end = path.partition(".")[2]
        alone = end and "." not in end and ends.count(end) == 1 and end not in OPTIONS
        return end if alone else path.replace(".parts.", ".").replace("-", "_")

    return [
        Quantity(path, name(path), value)
        for path, value in values.items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    ]


class Explained(NamedTuple):
    """The numbers of an answer, and the steps to those that are known."""

    quantities: list[Quantity]
    steps: list[Step]
    estimate: Estimate | None = None
    """The estimate that is explained; ``None`` for a budget without hardware."""


def explanation(
    estimate: Estimate,
    chosen: Mapping[str, str] = NOTHING_CHOSEN,
    sections: Container[str] = _ALL,
) -> Explained:
    """Explain every number of an answer; each step comes after the steps it depends on.

    ``chosen`` maps each option that a search set to the reason for its value.
    """
    leaves = _Leaves(estimate, chosen)
    wanted = [each for each in quantities(estimate) if each.section in sections]
    return Explained(wanted, _steps(leaves, wanted, _numbers(leaves.estimate())), estimate)


def plan_explanation(plan: Plan) -> Explained:
    """Explain the optimum of a budget, and the run of the nearest shape if there is hardware."""
    estimate, wanted, numbers = None, list[Quantity](), dict[str, Any]()
    if plan.hardware is not None:
        trained = plan.hardware.trained
        estimate = trained.way.estimate
        set_by_plan = (name for name in trained.way.changes if name not in plan.origins)
        chosen = dict.fromkeys(set_by_plan, "chosen by plan, so that it fits and is fast")
        leaves = _Leaves(estimate, {**chosen, "tokens": "as many as the budget allows"})
        named, wanted = leaves.estimate(), quantities(estimate)
        numbers = _numbers(named)
        assert named.parameters is not None
        tokens: Any = named.run.tokens
        flops: Any = trained._replace(parameters=named.parameters.total, tokens=tokens).flops
    else:
        leaves = _Leaves(None, NOTHING_CHOSEN)
    if plan.options.flops is not None:
        flops = leaves.leaf("flops", plan.options.flops, plan.origins["flops"], "--flops")
    best, traced = plan.optimum, optimum(flops)
    budget = {"budget.flops": (plan.budget.flops, flops)}
    for name in ("parameters", "tokens", "loss"):
        budget[f"optimum.{name}"] = (getattr(best, name), getattr(traced, name))
    wanted = [*(Quantity(name, name, value) for name, (value, _) in budget.items()), *wanted]
    numbers |= {name: number for name, (_, number) in budget.items()}
    return Explained(wanted, _steps(leaves, wanted, numbers), estimate)


def _steps(leaves: "_Leaves", wanted: list[Quantity], numbers: Mapping[str, Any]) -> list[Step]:
    """Return the steps to all wanted quantities whose value is known."""
    known = [each for each in wanted if each.value is not None]
    special_first = sorted(known, key=lambda each: each.name in _GENERAL)
    names = {each.name: leaves.tracing.number(numbers[each.path]) for each in special_first}
    records = {name: each for name, each in numbers.items() if isinstance(each, Traced)}
    sections = _SECTIONS | {each.name: each.section for each in known}
    book = Explanation(leaves.inputs, names | records, sections)
    for _, name, value in wanted:
        if value is not None:
            book.state(name, value)
    return book.steps


def _numbers(estimate: Estimate) -> dict[str, Any]:
    """Return the numbers of an answer, and of the records it was computed from, by path."""
    run, numbers = estimate.run, flatten(amounts(estimate))
    prediction = getattr(run, "prediction", None)
    work = getattr(run.work, "spec", None)
    numbers |= {name: getattr(work, name) for name in _OF_MODEL if work is not None}
    numbers |= {f"run.{name}": getattr(run, name) for name in _OF_RUN if hasattr(run, name)}
    records = {
        "parameters": estimate.parameters and estimate.parameters.parts,
        "rank": estimate.memory and estimate.memory.by_phase.amounts,
        "machine": prediction and prediction.machine.rates,
    }
    for name, record in records.items():
        _walked(record, name, lambda path, number, _: numbers.setdefault(path, number))
    return numbers


class _Leaves:
    """Wraps every input number of a run as a named leaf and records its source."""

    def __init__(self, of: Estimate | None, chosen: Mapping[str, str]) -> None:
        self.inputs: dict[str, Input] = {}
        self.tracing, self._of, self._chosen = Tracing(), of, chosen

    def estimate(self) -> Estimate:
        """Complete and estimate the run again from named numbers; return the traced estimate."""
        assert self._of is not None
        run = self._of.run
        return estimate_run(complete_run(self._named(run.setting), self._work(run.work)))

    def leaf(
        self, place: str, value: Any, origin: Origin, source: str, *, kept: bool = False
    ) -> Traced:
        """Return a named leaf for an input; the same name must always stand for the same value."""
        name = _LEAVES.get(place, place).replace("-", "_")
        if place in self._chosen:
            origin, source = "computed", self._chosen[place]
        taken = Input(name, value, unit_of(name), origin, source)
        known = self.inputs.setdefault(name, taken)
        assert known.value == value, (name, known.value, value)
        return self.tracing.leaf(name, value, kept=kept)

    def _named(self, of: Setting) -> Setting:
        """Return what a run is completed from with every number replaced by a named leaf."""
        gpu, context = of.gpu, of.context
        options = {
            name: _walked(value, name, self._of_option(name))
            for name, value in of.options.given.items()
        }
        return Setting(
            of.options.changed(**options),
            gpu._replace(spec=_walked(gpu.spec, "gpu", self._by("catalog"))),
            self._evidence(of.evidence),
            context._replace(
                grid_g_per_kwh=_walked(context.grid_g_per_kwh, "grid", self._of_option("grid")),
                profiles=tuple(
                    _walked(each, self._own("profile", each.stack), self._by("given", each.name))
                    for each in context.profiles
                    if each.gpu == gpu.key
                ),
                named=self._completed,
            ),
            of.origins,
        )

    def _work(self, work: Any) -> Any:
        if isinstance(work, NamedModel):
            visit = self._by("given" if work.asked else "catalog", work.asked)
            return work._replace(spec=_walked(work.spec, "model", visit))
        option = "flops" if isinstance(work, FlopsAmount) else "model"
        return _walked(work, "", self._of_option(option))

    def _evidence(self, of: Evidence) -> Evidence:
        """Return the constants of the stacks and the likely ranges, as named leaves."""
        assert self._of is not None
        run = self._of.run
        prediction = getattr(run, "prediction", None)
        used = {getattr(run, "stack", ""), *(prediction.other_stacks if prediction else ())}
        origin: Origin = "default" if run.origins.get("stack") == "default" else "assumed"
        stacks = {
            name: _walked(stack, self._own("stack", name), self._by(origin, f"{name} stack"))
            if name in used
            else stack
            for name, stack in of.stacks.stacks.items()
        }
        ranges = [
            _walked(each, f"range_{place}", self._by("assumed", each.name))
            for place, each in enumerate(of.time_ranges)
        ]
        wider = dict(zip(("low", "high"), of.uncompared, strict=True))
        wider = _walked(
            wider, "uncompared", self._by("assumed", "for a card without compared runs")
        )
        return of._replace(
            stacks=of.stacks._replace(stacks=stacks),
            time_ranges=tuple(ranges),
            uncompared=(wider["low"], wider["high"]),
        )

    def _own(self, kind: str, stack: str) -> str:
        """Return the path prefix for a stack: ``stack`` for the run's own, else ``stacks.NAME``."""
        own = getattr(self._of and self._of.run, "stack", "")
        return kind if stack == own else f"{kind}s.{stack}"

    def _by(self, origin: Origin, about: str = "") -> Visit:
        """Return a visitor that names catalog numbers, with ``about`` and citation as source."""

        def visit(place: str, number: Any, cited: str) -> Traced:
            source = ": ".join(filter(None, (about, cited)))
            return self.leaf(place, number, origin, source or "a user's catalog, without a source")

        return visit

    def _completed(self, option: str, value: Any, origin: Origin) -> Any:
        """Return a completed option as a leaf; a value from a catalog gets the option's name."""
        if not isinstance(value, Traced):
            return _walked(value, option, self._of_option(option, origin))
        if value.operation != LEAF or origin != "catalog" or value.name == _LEAVES.get(option):
            return value
        known = self.inputs[value.name]
        return self.leaf(option, value.value, origin, f"{known.name}: {known.source}", kept=True)

    def _of_option(self, option: str, origin: Origin | None = None) -> Visit:
        """Return a visitor that names the numbers of an option, with its origin as source."""
        assert self._of is not None
        run, flag = self._of.run, f"--{option.replace('_', '-')}"
        where: Origin = origin or run.origins.get(option, "given")
        grid = load_grids().get(run.values.get("grid", "")) if option == "grid" else None
        price = run.gpu.spec.rent_per_hour
        source = {
            "given": flag,
            "scenario": f"{option} of the scenario",
            "driver": "the driver of this machine",
            "default": f"default of {flag}",
        }.get(where, "")
        if grid is not None:
            where, source = "catalog", f"--grid: {grid.source}, {grid.date}"
        elif where == "catalog" and option == "price" and price is not None:
            source = rent_source(run.gpu.spec, price)
        return lambda place, number, _: self.leaf(place, number, where, source, kept=True)


def _walked(record: Any, place: str, visit: Visit, cited: str = "") -> Any:
    """Return a copy of a frozen record in which ``visit`` replaced every number, at any depth."""
    if isinstance(record, int | float | Traced) and not isinstance(record, bool):
        return visit(place, record, cited)
    if isinstance(record, Spec | Mapping):
        fields = dict(record)
    elif hasattr(record, "_asdict"):
        fields = record._asdict()
    else:
        return record
    own = next(filter(None, (getattr(record, name, None) for name in _CITING)), cited)
    source = own if isinstance(own, str) else " ; ".join(own)
    inner = {
        name: _walked(value, f"{place}.{name}" if place else name, visit, source)
        for name, value in fields.items()
    }
    if isinstance(record, Spec):
        return record.model_copy(update=inner)
    return inner if isinstance(record, Mapping) else record._replace(**inner)
