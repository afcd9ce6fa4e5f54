"""Parse options into a question, and look up the names it contains."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gptbudget.catalog.catalog import Catalog, Entry, load_catalog
from gptbudget.catalog.index import AUTO, EVERY, is_config_path, is_size, read_option
from gptbudget.catalog.paths import holds_config
from gptbudget.catalog.profiles import load_profiles
from gptbudget.catalog.reference import grid_intensity, load_evidence
from gptbudget.errors import GptBudgetError, UnknownNameError, UsageError
from gptbudget.run.complete import precision_and_peak
from gptbudget.run.origins import refuse_two, refuse_unused
from gptbudget.run.run import (
    BareSize,
    FlopsAmount,
    NamedGpu,
    NamedModel,
    Origin,
    Require,
    RunContext,
    Setting,
    Work,
)
from gptbudget.specs.command_options import ReadingOptions
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import SHAPE_OPTIONS, Options, OptionValues, nearest_option
from gptbudget.specs.recipe import Precision
from gptbudget.units import parse_count

_SIZE_LIKE = r"[+-]?[0-9.,]+([eE][+-]?[0-9]+)?[A-Za-z]?"
"""Matches text that looks like a parameter count, so it is not treated as a model name."""

T = TypeVar("T")
U = TypeVar("U")


class Question(NamedTuple):
    """Validated options, where each came from, and what must hold."""

    options: Options
    origins: Mapping[str, Origin]
    require: Require
    places: Mapping[str, str] = {}
    """The ``file:line`` of each option that a scenario gives."""

    @property
    def lacks_a_shape(self) -> bool:
        """Whether some work is a bare size or an amount of FLOPs."""
        sizes = any(is_size(name) for name in self.options.model or ())
        return sizes or self.options.flops is not None

    def of_each(
        self, make: Callable[[T], U], each: Iterable[T], none: str
    ) -> tuple[list[U], list[str]]:
        """What ``make`` makes of each; of ``all`` accelerators, those it refuses are left out.

        Raises:
            UsageError: it refuses one that was named, or, with the message ``none``, all of them.
        """
        made, skipped = [], []
        for one in each:
            try:
                made.append(make(one))
            except UsageError as error:
                if EVERY not in (self.options.gpu or ()):
                    raise
                skipped.append(f"left out: {error.message}")
        if not made:
            raise UsageError(none, skipped[0] if skipped else "")
        return made, list(dict.fromkeys(skipped))

    @contextmanager
    def placing(self, option: str) -> Iterator[None]:
        """Add the ``file:line`` of the option in the scenario to errors raised inside."""
        try:
            yield
        except GptBudgetError as error:
            if option not in self.places:
                raise
            what = error.message.removeprefix(f"--{option}: ")
            raise type(error)(f"{self.places[option]}: {option}: {what}", error.hint) from None


def ask(given: Mapping[str, Any], scenario: Path | None = None) -> Question:
    """Validate the given options, which override those of a scenario file.

    Raises:
        UsageError: a bad value.
        FileError: a bad scenario.
    """
    options = given_options(given, Options)
    origins: dict[str, Origin] = dict.fromkeys(options.given, "given")
    if scenario is None:
        return Question(options, origins, Require())
    from gptbudget.catalog.scenario import load_scenario

    file = load_scenario(scenario)
    asked = file.require
    require = Require(asked.fits, asked.max_wall_clock, asked.max_cost_usd, asked.min_ratio)
    places = {name: place for name, place in file.places.items() if name not in origins}
    origins |= dict.fromkeys(places, "scenario")
    return Question(Options(**{**file.given, **options.given}), origins, require, places)


AnyOptions = TypeVar("AnyOptions", bound=OptionValues)


def given_options(given: Mapping[str, Any], kind: type[AnyOptions]) -> AnyOptions:
    """Read options by name.

    Raises:
        UsageError: the first bad one, in a sentence.
    """
    options, values = kind.table, {}
    known = [name for name in options if name in given]
    for name in (*known, *(name for name in given if name not in options)):
        flag = f"--{name.replace('_', '-')}"
        if name not in options:
            raise UsageError(f"{flag}: unknown key", nearest_option(name, options))
        try:
            values[name] = (
                None if given[name] is None else read_option(name, options[name], given[name])
            )
        except ValueError as error:
            what, _, hint = str(error).rpartition(": ")
            raise UsageError(f"{flag}: {what}", hint) from None
    return kind(**values)


def look_up(question: Question, catalogs: Iterable[Path] = ()) -> tuple[list[Setting], list[Work]]:
    """Every accelerator and work that a question names, from the catalogs and this machine.

    Raises:
        GptBudgetError: a name is unknown, or options need a model with a shape.
    """
    catalog = load_catalog(catalogs)
    question = on_this_machine(question, catalog)
    gpus = named_gpus(question, catalog)
    with question.placing("model"):
        asked = works(question.options, catalog)
    if not any(isinstance(work, NamedModel) for work in asked):
        said = [name for name in SHAPE_OPTIONS if name in question.origins]
        hint = "name a model of the catalog"
        refuse_unused(question.options, said, "without a model", hint)
    return settings_of(question, gpus, catalogs), asked


def settings_of(
    question: Question, gpus: Iterable[NamedGpu], catalogs: Iterable[Path] = ()
) -> list[Setting]:
    """Each accelerator with all that was asked and is known."""
    evidence, context = load_evidence(), run_context(question, catalogs)
    return [Setting(question.options, gpu, evidence, context, question.origins) for gpu in gpus]


def named_gpus(question: Question, catalog: Catalog) -> list[NamedGpu]:
    """Return the requested accelerators without duplicates; ``all`` means the whole catalog.

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


def run_context(question: Question, catalogs: Iterable[Path] = ()) -> RunContext:
    """Return the run context: grid intensity, requirements, profiles and catalogs.

    Raises:
        UsageError: no grid has the name.
    """
    options = question.options
    with question.placing("grid"):
        intensity = None if options.grid is None else grid_intensity(options.grid)
    profiles = () if options.no_profile else tuple(load_profiles().values())
    return RunContext(intensity, question.require, profiles, tuple(catalogs))


def on_this_machine(question: Question, catalog: Catalog, *, count: bool = True) -> Question:
    """Replace ``--gpu auto`` by the card, memory and number of cards that the driver reports.

    Given options are kept. Without ``count``, or with ``--dp``, the number is not set.

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
    read: dict[str, Any] = {"gpu": (local.entry.key,)}
    if count and options.gpus is None and options.dp is None:
        read["gpus"] = local.cards
    if options.gpu_memory is None and local.usable_bytes is not None:
        read["gpu_memory"] = local.usable_bytes
    origins: dict[str, Origin] = {**question.origins, **dict.fromkeys(read, "driver")}
    return question._replace(options=options.changed(**read), origins=origins)


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


def _work(name: str, catalog: Catalog) -> NamedModel | BareSize:
    if is_size(name):
        return BareSize(name, parse_count(name))
    size_like = not name[:1].isalpha() and re.fullmatch(_SIZE_LIKE, name, re.ASCII)
    if size_like and not holds_config(name):
        try:
            parse_count(name)
        except ValueError as error:
            raise UsageError(f"--model: {error}", "or name a model: gptbudget models") from None
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


class PublishedRate(NamedTuple):
    """A published speed, to be read as an MFU in every convention."""

    tokens_per_s: float
    gpus: int
    gpu: str
    precision: Precision
    peak_flops_per_s: float


def published_rate(
    options: ReadingOptions, model: ModelSpec, catalog: Catalog
) -> PublishedRate | None:
    """The published speed that ``--tokens-per-s`` or ``--tflops`` gives, if either does.

    Raises:
        UsageError: the speed is given twice or without a GPU, or the card lacks the precision.
    """
    from gptbudget.core.conventions import convention_flops_per_token

    if options.tokens_per_s is None and options.tflops is None:
        unused = ("gpu", "gpus", "precision", "convention")
        refuse_unused(options, unused, "without a speed", "add --tokens-per-s or --tflops")
        return None
    refuse_two(options, ("tokens_per_s", "tflops"), "give the speed")
    if options.tokens_per_s is not None and options.convention is not None:
        raise UsageError("--convention says how --tflops was counted", "drop it")
    if options.gpu is None or len(options.gpu) > 1:
        raise UsageError("an MFU needs one --gpu", "name it, for example --gpu a100")
    gpu, cards = _one_gpu(options.gpu[0], catalog)
    gpus = options.gpus or cards
    precision, peak = precision_and_peak(gpu, options.precision)
    tokens_per_s = options.tokens_per_s
    if tokens_per_s is None:
        length = options.seq_len or model.default_seq_len
        counted = convention_flops_per_token(model, length, options.convention or "exact")
        tokens_per_s = gpus * (options.tflops or 0) * 1e12 / counted
    return PublishedRate(tokens_per_s, gpus, gpu.key, precision, peak)


def _one_gpu(name: str, catalog: Catalog) -> tuple[NamedGpu, int]:
    """Return the named accelerator and a count: for ``auto`` that of this machine, else 1."""
    if name != AUTO:
        entry = catalog.gpus.find(name)
        return NamedGpu(entry.key, entry.spec), 1
    from gptbudget.catalog.local import find_local

    local = find_local(catalog.gpus)
    return NamedGpu(local.entry.key, local.entry.spec), local.cards
