"""The tie between a card's tensor peaks and its fp32 peak, held against the table of families.

Within a family the tensor rate is a small whole multiple of the fp32 rate; a listed peak
that is not is a sparse figure, one with sums kept in fp16, or a slip of the pen.
"""

from collections.abc import Iterator
from functools import cache

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.sentences import build
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError
from gptbudget.specs.base import Positive, Spec, Text
from gptbudget.specs.gpu import GpuSpec
from gptbudget.units import format_figure

_TOLERANCE = 0.01

_ACCUMULATE = "peak_tflops_fp16_accumulate"
_KEYS = {
    "tf32": ("peak_tflops", "tf32"),
    "fp16": ("peak_tflops", "fp16"),
    "bf16": ("peak_tflops", "bf16"),
    "fp8": ("peak_tflops", "fp8"),
    "fp4": ("peak_tflops", "fp4"),
    "fp16_accumulate": (_ACCUMULATE, "fp16"),
    "fp8_accumulate": (_ACCUMULATE, "fp8"),
    "int8": ("int8_tops",),
}
"""Where a catalog entry gives the rate of each factor."""


class TensorFamily(Spec):
    """How many times the fp32 rate each tensor rate of a family is."""

    factors: dict[str, Positive]
    source: Text
    row: Text
    """What the source prints for one card of the family."""


class TensorRates(Spec):
    """All families, and the cards whose published figure is another, with the reason."""

    families: dict[str, TensorFamily]
    exceptions: dict[str, dict[str, Text]]


@cache
def tensor_rates() -> TensorRates:
    """The table of the package."""
    file = read_yaml(data_file("tensor_rates.yaml"), keep=True)
    return build(TensorRates, file.data, file)


def tensor_rate_faults(spec: GpuSpec, file: YamlFile, key: str) -> Iterator[FileError]:
    """Every tensor peak of the entry ``key`` that its ``tensor_family`` does not explain."""
    if spec.tensor_family is None:
        return
    table = tensor_rates()
    place: tuple[str, ...] = ("gpus", key, "tensor_family")
    family, fp32 = table.families.get(spec.tensor_family), spec.peak_tflops.fp32
    if family is None:
        yield _fault(
            file,
            place,
            f"{spec.tensor_family!r} is not known",
            f"write one of {', '.join(table.families)}",
        )
        return
    if fp32 is None:
        yield _fault(file, place, "ties the tensor peaks to fp32", "give peak_tflops.fp32")
        return
    for rate, keys in _KEYS.items():
        listed, factor = _listed(spec, keys), family.factors.get(rate)
        if listed is None or rate in table.exceptions.get(key, {}):
            continue
        place = ("gpus", key, *keys)
        if factor is None:
            yield _fault(
                file, place, f"the family {spec.tensor_family} has no such rate", "leave it out"
            )
        elif abs(listed / (factor * fp32) - 1) > _TOLERANCE:
            yield _fault(
                file,
                place,
                f"{format_figure(listed)} is not {factor:g} x fp32 = "
                f"{format_figure(factor * fp32)}, as in the family {spec.tensor_family}",
                "give the dense rate, or drop tensor_family",
            )


def _listed(spec: GpuSpec, keys: tuple[str, ...]) -> float | None:
    part: object = spec
    for key in keys:
        part = getattr(part, key, None)
    return part if isinstance(part, int | float) else None


def _fault(file: YamlFile, keys: tuple[str, ...], what: str, hint: str) -> FileError:
    return FileError(f"{file.where(*keys)}: {'.'.join(keys)}: {what}", hint)
