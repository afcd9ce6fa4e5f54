"""Find all errors in a catalog file, for ``catalog check``."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gptbudget.catalog.catalog import SECTIONS, structure_faults
from gptbudget.catalog.entries import SPECS, complete, source_faults
from gptbudget.catalog.index import RawEntry, index_names
from gptbudget.catalog.paths import catalog_files, data_file, shipped_files
from gptbudget.catalog.sentences import build, faults_of
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError
from gptbudget.specs.base import Positive, Spec, Text
from gptbudget.specs.gpu import GpuSpec
from gptbudget.units import format_figure


def check_catalog(path: Path, others: Iterable[Path] = ()) -> list[FileError]:
    """Every fault of one catalog file, errors in names last; an empty list if the file is valid."""
    try:
        file = read_yaml(path)
    except FileError as fault:
        return [fault]
    faults = list(structure_faults(file))
    if faults:
        return faults
    shipped = path.resolve() in {p.resolve() for p in shipped_files()}
    for kind in SECTIONS:
        for key, data in (file.data.get(kind) or {}).items():
            faults += entry_faults(kind, key, data, file, shipped=shipped)
    return faults + _name_faults(file, others)


def entry_faults(
    kind: str, key: str, data: Any, file: YamlFile, *, shipped: bool
) -> Iterator[FileError]:
    """Every fault of one entry."""
    yield from source_faults(data, file, (kind, key), shipped=shipped)
    spec = SPECS[kind]
    try:
        built = spec.model_validate(complete(data, file, kind, key))
    except ValidationError as error:
        yield from faults_of(error, spec, file, kind, key)
    except FileError as fault:
        yield fault
    else:
        if isinstance(built, GpuSpec):
            yield from tensor_rate_faults(built, file, key)


def _name_faults(file: YamlFile, others: Iterable[Path]) -> list[FileError]:
    """Return errors for names that clash with earlier files or are not valid."""
    earlier = takewhile(lambda path: path != file.path, catalog_files(others))
    before = [_readable(path) for path in earlier]
    faults = []
    for kind in SECTIONS:
        raw: dict[str, RawEntry] = {}
        for one in (*filter(None, before), file):
            for key in one.data.get(kind) or {}:
                raw.pop(key, None)
                raw[key] = RawEntry(kind, key, one, shipped=False)
        faults += [fault for one, fault in index_names(kind, raw).faults if one is file]
    return faults


def _readable(path: Path) -> YamlFile | None:
    """Another catalog file; ``None`` if it has errors itself, so that it is left out."""
    try:
        file = read_yaml(path)
    except FileError:
        return None
    return None if any(structure_faults(file)) else file


_TOLERANCE = 0.01


class TensorFamily(Spec):
    """Tensor-core rates of a GPU family as multiples of its fp32 rate."""

    factors: dict[str, Positive]
    source: Text
    row: Text
    """What the source prints for one card of the family."""


class TensorRates(Spec):
    """All families, and the cards whose published figures differ, with the reason."""

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
        known = f"write one of {', '.join(table.families)}"
        yield file.fault(f"{spec.tensor_family!r} is not known", known, *place)
        return
    if fp32 is None:
        yield file.fault("ties the tensor peaks to fp32", "give peak_tflops.fp32", *place)
        return
    for rate, listed, keys in _tensor_peaks(spec):
        factor = family.factors.get(rate)
        if rate in table.exceptions.get(key, {}):
            continue
        place = ("gpus", key, *keys)
        if factor is None:
            what = f"the family {spec.tensor_family} has no such rate"
            yield file.fault(what, "leave it out", *place)
        elif abs(listed / (factor * fp32) - 1) > _TOLERANCE:
            expected = f"{factor:g} x fp32 = {format_figure(factor * fp32)}"
            what = f"{format_figure(listed)} is not {expected}, as in the family"
            hint = "give the dense rate, or drop tensor_family"
            yield file.fault(f"{what} {spec.tensor_family}", hint, *place)


def _tensor_peaks(spec: GpuSpec) -> Iterator[tuple[str, float, tuple[str, ...]]]:
    """Each tensor peak that an entry gives: its name in the table, and where it stands."""
    for section, suffix in (("peak_tflops", ""), ("peak_tflops_fp16_accumulate", "_accumulate")):
        for precision, peak in getattr(spec, section) or ():
            if peak is not None and precision not in {"fp64", "fp32"}:
                yield f"{precision}{suffix}", peak, (section, precision)
    if spec.int8_tops is not None:
        yield "int8", spec.int8_tops, ("int8_tops",)
