"""The same answers without a terminal: questions in, estimates out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import ValidationError

from gptbudget.catalog.catalog import Catalog, Entry, load_catalog
from gptbudget.catalog.index import AUTO, EVERY, is_config_path, is_size
from gptbudget.catalog.paths import holds_config
from gptbudget.catalog.profiles import load_profiles, save_profile
from gptbudget.catalog.reference import grid_intensity, load_evidence
from gptbudget.errors import GptBudgetError, UnknownNameError, UsageError
from gptbudget.notebook import Shown
from gptbudget.plan.calibration import Calibration, profile_of
from gptbudget.plan.complete import complete_run, precision_and_peak
from gptbudget.plan.estimate import Estimate
from gptbudget.plan.estimate import estimate as estimate_run
from gptbudget.plan.rank import best_first
from gptbudget.plan.run import (
    Around,
    BareSize,
    FlopsAmount,
    NamedGpu,
    NamedModel,
    Origin,
    Require,
    Work,
)
from gptbudget.specs.base import Spec
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import (
    ADAPTER_OPTIONS,
    LAYOUT_OPTIONS,
    RECIPE_OPTIONS,
    Options,
    ReadingOptions,
)
from gptbudget.units import parse_count

if TYPE_CHECKING:
    from gptbudget.catalog.scenario import Requirements
    from gptbudget.report.document import Document
    from gptbudget.report.models import PublishedRate
    from gptbudget.specs.evidence import Figure

_SIZE_LIKE = r"[+-]?[0-9.,]+([eE][+-]?[0-9]+)?[A-Za-z]?"
"""What begins and ends like a number of parameters, so that no name is meant."""


_NEED_A_SHAPE = (
    "gpu_memory",
    "reserve",
    "host_memory",
    "seq_len",
    "micro_batch",
    "global_batch_tokens",
    *RECIPE_OPTIONS,
    "method",
    *ADAPTER_OPTIONS,
    *LAYOUT_OPTIONS,
    "gpus_per_node",
    "stack",
)
"""Options about memory and recipe."""


class Question(NamedTuple):
    """Validated options, where each came from, and what must hold."""

    options: Options
    origins: Mapping[str, Origin]
    require: Require
    places: Mapping[str, str] = {}
    """The ``file:line`` of each option that a scenario gives."""

    @contextmanager
    def placing(self, option: str) -> Iterator[None]:
        """Say where the option stands in the scenario, if its value turns out to be bad."""
        try:
            yield
        except GptBudgetError as error:
            if option not in self.places:
                raise
            what = error.message.removeprefix(f"--{option}: ")
            raise type(error)(f"{self.places[option]}: {option}: {what}", error.hint) from None


class Comparison(NamedTuple):
    """One estimate a pair of accelerator and work, and the cards that were left out."""

    estimates: list[Estimate]
    skipped: list[str]


class ShownEstimate(Shown, Estimate):
    """An estimate that shows itself as the answer of ``compare``.

    Example:
        >>> import gptbudget
        >>> print(gptbudget.estimate(gpu="4070ti", model="1.5B", tokens=10e9, utilization=0.4))
        Compute suffices, memory is unknown: 1.5B on 1 x rtx-4070-ti takes 32.5 days ...
    """

    __slots__ = ()

    def document(self) -> Document:
        """The answer of ``compare``."""
        from gptbudget.report.documents import comparison

        return comparison([self])


def estimate(**options: Any) -> ShownEstimate:
    """Estimate one training run; the keywords are the options of the command line.

    Raises:
        GptBudgetError: a bad value, an unknown name, or a combination that cannot be.

    Example:
        >>> import gptbudget
        >>> answer = gptbudget.estimate(
        ...     gpu="4070ti", model="gpt2-xl", tokens=10e9, precision="fp32", utilization=0.9
        ... )
        >>> round(answer.compute.ratio, 2)
        12.18
    """
    found = compare(ask(options)).estimates
    if len(found) != 1:
        raise UsageError(f"estimate answers one pair, not {len(found)}", "name one gpu, one model")
    return ShownEstimate(*found[0])


def ask(given: Mapping[str, Any], scenario: Path | None = None) -> Question:
    """Validate the options given, laid over those of a scenario file.

    Raises:
        UsageError: a bad value.
        FileError: a bad scenario.
    """
    options = given_options(given, Options)
    origins: dict[str, Origin] = dict.fromkeys(options.model_fields_set, "given")
    if scenario is None:
        return Question(options, origins, Require())
    from gptbudget.catalog.scenario import load_scenario

    file = load_scenario(scenario)
    merged = {**file.given, **{name: getattr(options, name) for name in options.model_fields_set}}
    places = {name: place for name, place in file.places.items() if name not in origins}
    origins |= dict.fromkeys(places, "scenario")
    return Question(Options.model_construct(**merged), origins, _require(file.require), places)


AnyOptions = TypeVar("AnyOptions", bound=Spec)


def given_options(given: Mapping[str, Any], kind: type[AnyOptions]) -> AnyOptions:
    """Parse and validate options by name.

    Raises:
        UsageError: the first bad one, in a sentence.
    """
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        from gptbudget.catalog.sentences import sentence

        fault = error.errors()[0]
        name = "--" + str(fault["loc"][0]).replace("_", "-")
        what, hint = sentence(fault, kind)
        raise UsageError(f"{name}: {what}", hint) from None


def compare(question: Question, catalogs: Iterable[Path] = ()) -> Comparison:
    """Estimate every pair of the accelerators and models asked for.

    Raises:
        GptBudgetError: a name is unknown, or a combination cannot be.
    """
    catalog = load_catalog(catalogs)
    question = on_this_machine(question, catalog)
    options = question.options
    gpus = named_gpus(question, catalog)
    with question.placing("model"):
        asked = works(options, catalog)
    evidence = load_evidence()
    _refuse_without_shape(options, asked)
    beside = around(question, catalogs)
    estimates, skipped = [], []
    for gpu in gpus:
        for work in asked:
            try:
                run = complete_run(options, gpu, work, evidence, beside, origins=question.origins)
            except UsageError as error:
                if EVERY not in (options.gpu or ()):
                    raise
                skipped.append(f"left out: {error.message}")
            else:
                estimates.append(estimate_run(run))
    if not estimates:
        raise UsageError("no accelerator can run this", skipped[0] if skipped else "")
    return Comparison(best_first(estimates), list(dict.fromkeys(skipped)))


def named_gpus(question: Question, catalog: Catalog) -> list[NamedGpu]:
    """The accelerators asked for, each once; ``all`` is the whole catalog.

    Raises:
        UsageError: none.
        UnknownNameError: no entry has the name.
    """
    names = question.options.gpu
    if names is None:
        raise UsageError("--gpu is missing", "name an accelerator, for example --gpu 4070ti")
    with question.placing("gpu"):
        entries = catalog.gpus if EVERY in names else map(catalog.gpus.find, names)
        return list({entry.key: NamedGpu(entry.key, entry.spec) for entry in entries}.values())


def around(question: Question, catalogs: Iterable[Path] = ()) -> Around:
    """What the user's folder and the question say beside the options.

    Raises:
        UsageError: no grid has the name.
    """
    options = question.options
    with question.placing("grid"):
        intensity = None if options.grid is None else grid_intensity(options.grid)
    profiles = () if options.no_profile else tuple(load_profiles().values())
    return Around(intensity, question.require, profiles, tuple(catalogs))


def on_this_machine(question: Question, catalog: Catalog, *, count: bool = True) -> Question:
    """The question with ``--gpu auto`` read off the driver: card, memory and number of cards.

    What was given stays. Without ``count``, and where a layout says it, the number stays open.

    Raises:
        UsageError: the driver does not answer, or there are no or different cards.
        UnknownNameError: the catalog does not have the card.
    """
    options = question.options
    if options.gpu is None or AUTO not in options.gpu:
        return question
    if len(options.gpu) > 1:
        raise UsageError("--gpu auto stands alone", "drop the other names, or auto")
    from gptbudget.catalog.local import find_local

    with question.placing("gpu"):
        local = find_local(catalog.gpus)
    found: dict[str, Any] = {"gpu": (local.entry.key,)}
    if count and options.gpus is None and options.dp is None:
        found["gpus"] = local.cards
    if options.gpu_memory is None and local.usable_bytes is not None:
        found["gpu_memory"] = local.usable_bytes
    origins: dict[str, Origin] = {**question.origins, **dict.fromkeys(found, "driver")}
    return question._replace(options=options.model_copy(update=found), origins=origins)


def works(options: Options, catalog: Catalog) -> list[Work]:
    """The models, sizes or amount of FLOPs to be trained.

    Raises:
        UsageError: neither or both of them.
        UnknownNameError: no model has the name.
    """
    if options.flops is not None:
        if options.model is not None:
            raise UsageError("--flops stands in for --model and --tokens", "give one of them")
        return [FlopsAmount(options.flops)]
    if options.model is None:
        raise UsageError(
            "--model is missing", "name a model, for example --model gpt2-xl, or give --flops"
        )
    return list({work.key: work for work in (_work(n, catalog) for n in options.model)}.values())


def one_bill(question: Question, catalogs: Iterable[Path] = ()) -> Estimate:
    """The estimate of one pair on one GPU, which must have a memory bill.

    Raises:
        UsageError: several pairs, no shape, or a recipe whose memory is not known.
    """
    from gptbudget.report.verdict import unknown_memory

    asked = question.options.model or ()
    if any(is_size(name) for name in asked) or question.options.flops is not None:
        raise UsageError("memory needs a model with a shape", "name a model of the catalog")
    found = compare(question, catalogs).estimates
    if len(found) != 1:
        raise UsageError(f"memory answers one pair, not {len(found)}", "name one gpu, one model")
    reason = unknown_memory(found[0])
    if reason is not None:
        raise UsageError(f"memory is not known: {reason}", "ask for something else")
    return found[0]


def calibrate(
    question: Question,
    tokens_per_s: float,
    peak_bytes: float | None = None,
    figure: Figure = "card",
    catalogs: Iterable[Path] = (),
) -> Calibration:
    """Turn one logged step into a profile of the card and the software, and save it.

    Raises:
        UsageError: several pairs, nothing to compare with, or a measurement that cannot be.
    """
    unprofiled = question.options.model_copy(update={"no_profile": True})
    found = compare(question._replace(options=unprofiled), catalogs).estimates
    if len(found) != 1:
        raise UsageError(f"calibrate takes one pair, not {len(found)}", "name one gpu, one model")
    profile = profile_of(found[0], tokens_per_s, peak_bytes, figure)
    return Calibration(found[0], profile, save_profile(profile))


def _refuse_without_shape(options: Options, works: list[Work]) -> None:
    """Refuse what only a model with a shape can use, when there is none."""
    if any(isinstance(work, NamedModel) for work in works):
        return
    for name in _NEED_A_SHAPE:
        if getattr(options, name) is not None:
            raise UsageError(
                f"--{name.replace('_', '-')} has no effect without a model",
                "name a model of the catalog",
            )


def _work(name: str, catalog: Catalog) -> NamedModel | BareSize:
    if is_size(name):
        return BareSize(name, parse_count(name))
    size_like = not name[:1].isalpha() and re.fullmatch(_SIZE_LIKE, name, re.ASCII)
    if size_like and not holds_config(name):
        _refuse_bad_size(name)
    entry = find_model(name, catalog)
    return NamedModel(entry.key, entry.spec, name if entry.file == Path(name) else "")


def find_model(name: str, catalog: Catalog) -> Entry[ModelSpec]:
    """A model of the catalog, or of the Hugging Face config that the name is a path to.

    A name of the catalog wins over a folder that is called so.

    Raises:
        UnknownNameError: no entry has the name, and no folder with a config.
        FileError: the config cannot be used.
    """
    if not is_config_path(name):
        try:
            return catalog.models.find(name)
        except UnknownNameError:
            if not holds_config(name):
                raise
    from gptbudget.catalog.huggingface.load import load_config

    spec = load_config(Path(name))
    return Entry(spec.name, spec, Path(name), shipped=False)


def published_rate(
    options: ReadingOptions, model: ModelSpec, catalog: Catalog
) -> PublishedRate | None:
    """The published speed that ``--tokens-per-s`` or ``--tflops`` gives, if either does.

    Raises:
        UsageError: the speed is given twice or without a GPU, or the card lacks the precision.
    """
    from gptbudget.core.conventions import convention_flops_per_token
    from gptbudget.report.models import PublishedRate

    if options.tokens_per_s is None and options.tflops is None:
        for name in ("gpu", "gpus", "precision", "convention"):
            if getattr(options, name) is not None:
                raise UsageError(
                    f"--{name} has no effect without a speed", "add --tokens-per-s or --tflops"
                )
        return None
    if options.tokens_per_s is not None and options.tflops is not None:
        raise UsageError("--tokens-per-s and --tflops both give the speed", "give one of them")
    if options.tokens_per_s is not None and options.convention is not None:
        raise UsageError("--convention says how --tflops was counted", "drop it")
    if options.gpu is None or len(options.gpu) > 1:
        raise UsageError("an MFU needs one --gpu", "name it, for example --gpu a100")
    entry, cards = _one_gpu(options.gpu[0], catalog)
    gpus = options.gpus or cards
    precision, peak = precision_and_peak(NamedGpu(entry.key, entry.spec), options.precision)
    tokens_per_s = options.tokens_per_s
    if tokens_per_s is None:
        length = options.seq_len or model.default_seq_len
        counted = convention_flops_per_token(model, length, options.convention or "exact")
        tokens_per_s = gpus * (options.tflops or 0) * 1e12 / counted
    return PublishedRate(tokens_per_s, gpus, entry.key, precision, peak)


def _one_gpu(name: str, catalog: Catalog) -> tuple[Entry[GpuSpec], int]:
    """The accelerator of a name and, of this machine's own, how many there are."""
    if name != AUTO:
        return catalog.gpus.find(name), 1
    from gptbudget.catalog.local import find_local

    local = find_local(catalog.gpus)
    return local.entry, local.cards


def _refuse_bad_size(name: str) -> None:
    """A name that begins like a number but is none: say what is wrong with the number."""
    try:
        parse_count(name)
    except ValueError as error:
        raise UsageError(f"--model: {error}", "or name a model: gptbudget models") from None


def _require(found: Requirements) -> Require:
    return Require(
        fits=found.fits,
        max_wall_clock_s=found.max_wall_clock,
        max_cost_usd=found.max_cost_usd,
        min_ratio=found.min_ratio,
    )


__all__ = [
    "Calibration",
    "Comparison",
    "GptBudgetError",
    "Question",
    "ShownEstimate",
    "ask",
    "calibrate",
    "compare",
    "estimate",
    "find_model",
    "given_options",
    "load_catalog",
    "on_this_machine",
    "one_bill",
    "published_rate",
    "works",
]
