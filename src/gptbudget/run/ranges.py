"""Choose the likely range of the time from the class of published runs that a run belongs to."""

from gptbudget.run.machine import AssumedMachine
from gptbudget.run.run import NamedGpu
from gptbudget.specs.evidence import Evidence, TimeRange
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.values import StackName


def likely_range(
    gpu: NamedGpu,
    machine: AssumedMachine,
    layout: Layout,
    recipe: Recipe,
    stack: StackName,
    model: ModelSpec,
    evidence: Evidence,
) -> TimeRange:
    """Return the range of the first matching class, wider for a card without compared runs.

    Where figures of the card are missing, or nobody published a run on such a card, the last
    class holds, which asks for nothing; and no narrower than what the software and the method
    would have elsewhere.
    """
    *classes, last = evidence.time_ranges
    spec = gpu.spec

    def of_software(each: TimeRange) -> bool:
        return (
            _is_one_of(stack, each.stacks)
            and _is_one_of(recipe.method.kind, each.methods)
            and _is_one_of(recipe.precision, each.precisions)
            and (not each.experts or model.experts is not None)
            and (not each.cut or layout.tp * layout.pp > 1)
        )

    def of_segment(each: TimeRange) -> bool:
        fewest, most = each.gpus
        return _is_one_of(spec.segment, each.segments) and fewest <= layout.gpus <= most

    fitting = [each for each in classes if of_software(each)]
    known = spec.architecture in evidence.compared_architectures and not machine.missing
    for each in fitting if known else []:
        if _is_one_of(spec.architecture, each.architectures) and of_segment(each):
            return each if gpu.key in evidence.compared_gpus else _wider(each, evidence.uncompared)
    alike = (each for each in fitting if spec.segment is None or of_segment(each))
    elsewhere = _wider(next(alike, last), evidence.uncompared)
    return last._replace(low=min(last.low, elsewhere.low), high=max(last.high, elsewhere.high))


def _wider(of: TimeRange, factors: tuple[float, float]) -> TimeRange:
    low, high = factors
    return of._replace(low=of.low * low, high=of.high * high)


def _is_one_of(value: str | None, wanted: tuple[str, ...]) -> bool:
    return not wanted or value in wanted
