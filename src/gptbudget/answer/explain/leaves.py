"""A run whose numbers have names: handed to the formulas, it explains their result."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gptbudget.answer.explain.sources import SOURCES
from gptbudget.answer.explain.step import Origin
from gptbudget.answer.explain.steps import Book
from gptbudget.answer.prices import rent_source
from gptbudget.catalog.reference import load_grids
from gptbudget.core.arrays import whole
from gptbudget.core.chinchilla import BESIROGLU, ChinchillaLaw, compute_optimal_tokens
from gptbudget.core.parameters import count_parameters
from gptbudget.run.job import BYTES_PER_TOKEN
from gptbudget.run.machine import AssumedMachine, default_network_gb_per_s, machine_of
from gptbudget.run.run import (
    ComputeRun,
    FlopsAmount,
    ModelRun,
    NamedModel,
    Prediction,
    Run,
    SizeAndTokens,
)
from gptbudget.specs.base import Spec
from gptbudget.specs.evidence import TimeRange
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.profile import Profile
from gptbudget.specs.recipe import Method
from gptbudget.specs.stack import Speed
from gptbudget.specs.values import StackName
from gptbudget.units import GIB

_DEGREES = ("dp", "tp", "pp", "vp", "cp", "ep")
_OF_A_STACK = (
    "elementwise",
    "overlap",
    "logit_bytes",
    "score_bytes",
    "host_s",
    "adapter_traffic",
    "cast_elements",
    "attention_rate",
    "host_update_s",
)
_MACHINE_UNITS = {
    "matmul_flops_per_s": "FLOP/s",
    "sustained_share": "",
    "narrow_ratio": "",
    "attention_share": "",
    "memory_bytes_per_s": "B/s",
    "multiprocessors": "",
    "link_bytes_per_s": "B/s",
    "slot_bytes_per_s": "B/s",
    "network_bytes_per_s": "B/s",
    "host_bytes_per_s": "B/s",
}


class RunNamer:
    """Gives names to the numbers of one run."""

    def __init__(self, book: Book, run: Run, chosen: Mapping[str, str]) -> None:
        self.book, self.run, self.chosen = book, run, chosen

    def named(self) -> Run:
        """The run, every number of which says where it comes from."""
        run = self.run
        return self._model_run(run) if isinstance(run, ModelRun) else self._compute_run(run)

    def _model_run(self, run: ModelRun) -> ModelRun:
        work = run.work._replace(spec=self._model(run.work))
        peak = self._peak()
        layout = run.layout._replace(**self._degrees(run.layout))
        shared = self._of_any(peak)
        amounts = self._amounts(run)
        tokens = self._tokens(count_parameters(work.spec).active)
        recipe = run.recipe
        if recipe.method.has_adapters:
            recipe = recipe._replace(method=self._adapters(recipe.method))
        stack = run.implementation.stack
        speed = self._speed(run.stack, stack.speed)
        prediction = run.prediction
        if prediction is not None:
            prediction = Prediction(
                self._machine(run, prediction.machine, speed, peak),
                self._range(prediction.time_range),
                prediction.card_was_compared,
                self._profiles(prediction.profiles.get(run.stack)),
                {},
            )
        return replace(
            run,
            work=work,
            layout=layout,
            tokens=tokens,
            recipe=recipe,
            implementation=run.implementation._replace(stack=stack._replace(speed=speed)),
            prediction=prediction,
            **shared,
            **amounts,
        )

    def _compute_run(self, run: ComputeRun) -> ComputeRun:
        parameters: Any = None
        if isinstance(run.work, SizeAndTokens):
            parameters = self._option("model", "parameters", run.work.parameters)
        peak = self._peak()
        gpus = self._option("gpus", "gpus", run.gpus, kept=True)
        shared = self._of_any(peak)
        utilization = self._option("utilization", "utilization", run.utilization, kept=True)
        work = run.work
        if isinstance(work, SizeAndTokens):
            work = work._replace(parameters=parameters, tokens=self._tokens(parameters))
        else:
            work = FlopsAmount(self._option("flops", "flops", work.flops, "FLOP"))
        return replace(run, work=work, gpus=gpus, utilization=utilization, **shared)

    def _of_any(self, peak: Any) -> dict[str, Any]:
        """What every run has."""
        run = self.run
        return {
            "horizon_s": self._option("time", "horizon_s", run.horizon_s, "s"),
            "peak_flops_per_s": peak,
            "usable_bytes": self._usable(),
            "goodput": self._option("goodput", "goodput", run.goodput, kept=True),
            "cost": run.cost._replace(**self._prices()),
        }

    def _amounts(self, run: ModelRun) -> dict[str, Any]:
        """Batch, utilization and host, as far as they are known."""
        units = {
            "seq_len": "tokens",
            "micro_batch": "sequences",
            "global_batch_tokens": "tokens",
            "utilization": "",
        }
        found = {
            name: self._option(name, name, getattr(run, name), unit, kept=True)
            for name, unit in units.items()
            if getattr(run, name) is not None
        }
        host = run.host_memory_bytes
        if host is not None:
            found["host_memory_bytes"] = self._option("host_memory", "host_memory_bytes", host, "B")
        return found

    def _adapters(self, method: Method) -> Method:
        rank: Any = self._option("lora_rank", "lora_rank", method.lora_rank)
        return method._replace(lora_rank=rank)

    def _option(
        self, option: str, name: str, value: Any, unit: str = "", *, kept: bool = False
    ) -> Any:
        grid = load_grids().get(self.run.values.get("grid", "")) if option == "grid" else None
        if grid is not None:
            said = f"--grid: {grid.source}, {grid.date}"
            return self.book.take(name, value, unit, "catalog", said, kept=kept)
        if option in self.chosen:
            return self.book.take(name, value, unit, "computed", self.chosen[option], kept=kept)
        origin = self.run.origins.get(option, "default")
        flag = f"--{option.replace('_', '-')}"
        source = {
            "given": flag,
            "scenario": f"{option} of the scenario",
            "default": f"default of {flag}",
        }.get(origin) or self._catalog(option)
        return self.book.take(name, value, unit, origin, source, kept=kept)

    def _catalog(self, option: str) -> str:
        """The source of a value that a catalog has for an option."""
        price = self.run.gpu.spec.rent_per_hour
        if option == "price" and price is not None:
            return rent_source(self.run.gpu.spec, price)
        of_gpu = option in {"gpu_memory", "power"}
        return self._cited(self.run.gpu.spec if of_gpu else getattr(self.run.work, "spec", None))

    @staticmethod
    def _cited(entry: Any) -> str:
        return " ; ".join(getattr(entry, "sources", ())) or "a user's catalog, without a source"

    def _of_gpu(self, name: str, value: Any, unit: str, source: str = "") -> Any:
        return self.book.take(
            name, value, unit, "catalog", source or self._cited(self.run.gpu.spec)
        )

    def _model(self, work: NamedModel) -> ModelSpec:
        spec, book = work.spec, self.book
        origin: Origin = "given" if work.asked else "catalog"
        source = work.asked or self._cited(spec)

        def named(of: Any, **names: str) -> Any:
            """A piece of the model with names for those of its numbers that it has."""
            if of is None:
                return None
            return of.model_copy(
                update={
                    field: book.take(name, getattr(of, field), "", origin, source)
                    for field, name in names.items()
                    if getattr(of, field)
                }
            )

        latent = named(
            spec.attention.latent,
            query_rank="query_rank",
            kv_rank="kv_rank",
            nope_width="nope_width",
            rope_width="rope_width",
            value_width="value_width",
        )
        kv_heads = book.take("kv_heads", spec.kv_heads, "", origin, source)
        attention = named(
            spec.attention,
            heads="heads",
            head_width="head_width",
            window="window",
            windowed_layers="windowed_layers",
        ).model_copy(update={"latent": latent, "kv_heads": kv_heads})
        model: ModelSpec = named(
            spec,
            layers="layers",
            width="width",
            vocabulary="vocabulary",
            context="context",
            embedding_width="embedding_width",
        ).model_copy(
            update={
                "attention": attention,
                "ffn": named(spec.ffn, width="ffn_width"),
                "experts": named(
                    spec.experts,
                    count="experts",
                    active="active_experts",
                    width="expert_width",
                    layers="expert_layers",
                    shared_width="shared_expert_width",
                ),
                "positions": named(spec.positions, extra_rows="extra_position_rows"),
            }
        )
        counted = SOURCES["parameters"]
        for name in ("head_width", "query_width", "kv_width", "ffn_width", "active_ffn_width"):
            book.define(name, getattr(model, name), "channels", counted)
        return model

    def _degrees(self, layout: Layout) -> dict[str, Any]:
        single = layout.gpus == layout.dp
        found = {
            name: self._option(
                "gpus" if name == "dp" and single and not self.run.asked("dp") else name,
                "gpus" if name == "dp" and single else name,
                getattr(layout, name),
                "",
                kept=name == "dp",
            )
            for name in _DEGREES
        }
        if layout.dp_shard is not None:
            found["dp_shard"] = self._option("dp_shard", "dp_shard", layout.dp_shard)
        return found

    def _tokens(self, parameters: Any) -> Any:
        """Tokens of all epochs; by default the optimal number for so many ``parameters``."""
        run, book = self.run, self.book
        origin = "given" if "tokens" in self.chosen else run.origins.get("tokens", "default")
        data = run.values.get("data")
        epochs = self._option("epochs", "epochs", run.values.get("epochs", 1))
        once = (run.tokens or 0) / (run.values.get("epochs") or 1)
        if data is not None:
            each = book.take(
                "bytes_per_token",
                BYTES_PER_TOKEN,
                "B",
                "assumed",
                "Kaplan et al. 2020, arXiv 2001.08361, section 2.3: WebText2 in GPT-2's vocabulary",
            )
            tokens = book.take("data_bytes", data, "B", run.origins["data"], "--data") / each
        elif origin == "default":
            tokens = compute_optimal_tokens(parameters, named_fit(book, BESIROGLU))
        else:
            name = "tokens" if once == run.tokens else "tokens_of_an_epoch"
            tokens = self._option("tokens", name, once, "tokens")
        assumed = f"default of --tokens: {SOURCES['tokens']}"
        source = assumed if origin == "default" and data is None else "of all epochs"
        return book.define("tokens", tokens * epochs, "tokens", source)

    def _peak(self) -> Any:
        run = self.run
        precision = run.precision
        tflops = getattr(run.gpu.spec.peak_tflops, precision)
        peak = self._of_gpu(f"peak_{precision}_tflops", tflops, "TFLOP/s") * 1e12
        return self.book.define("peak_flops_per_s", peak, "FLOP/s", "dense peak of the data sheet")

    def _usable(self) -> Any:
        run, spec = self.run, self.run.gpu.spec
        if run.usable_bytes is None:
            return None
        if run.origins.get("gpu_memory") == "catalog":
            reported = spec.memory_reported_gib
            name = "memory_reported_gib" if reported else "memory_gib"
            total = self._of_gpu(name, reported or spec.memory_gib, "GiB") * GIB
        else:
            total = self._option("gpu_memory", "gpu_memory_bytes", run.values["gpu_memory"], "B")
        left = whole(
            total - self._option("reserve", "reserve_bytes", run.values.get("reserve", 0), "B")
        )
        return self.book.define("usable_bytes", left, "B", "memory of the card, less --reserve")

    def _prices(self) -> dict[str, Any]:
        named = (
            ("price_usd_per_hour", "price", "USD/h"),
            ("kwh_price_usd", "kwh_price", "USD/kWh"),
            ("power_w", "power", "W"),
            ("pue", "pue", ""),
            ("grid_g_per_kwh", "grid", "g/kWh"),
        )
        found = {}
        for field, option, unit in named:
            value = getattr(self.run.cost, field)
            if value is not None:
                found[field] = self._option(option, field, value, unit, kept=True)
        return found

    def _speed(self, stack: StackName, speed: Speed) -> Speed:
        """The constants of the stack."""
        source = f"{stack} stack: {speed.evidence}"
        origin = self.run.origins.get("stack", "default")
        taken: dict[str, Any] = {
            name: self.book.take(
                f"stack_{name}",
                getattr(speed, name),
                "s" if name == "host_s" else "",
                "default" if origin == "default" else "assumed",
                source,
            )
            for name in _OF_A_STACK
        }
        return speed._replace(**taken)

    def _machine(self, run: ModelRun, plain: AssumedMachine, speed: Speed, peak: Any) -> Any:
        """The machine again, from named figures of the catalog."""
        book, spec = self.book, run.gpu.spec
        network = run.values.get("network") or default_network_gb_per_s(spec)
        found = machine_of(
            self._gpu(spec),
            run.recipe.precision,
            peak,
            speed,
            self._option("network", "network_gb_per_s", network, "GB/s"),
            run.gpus,
            run.values.get("gpus_per_node"),
            offload=run.recipe.uses_host,
        )
        for name, unit in _MACHINE_UNITS.items():
            book.define(name, getattr(found.machine, name), unit, SOURCES["rates"])
        own = plain.machine
        whole: dict[str, Any] = {
            name: self._option("gpus_per_node", name, getattr(own, name))
            for name in ("domain_gpus", "node_gpus")
        }
        return found._replace(machine=found.machine._replace(**whole))

    def _gpu(self, spec: GpuSpec) -> GpuSpec:
        update: dict[str, Any] = {}
        if spec.memory_bandwidth_gb_per_s is not None:
            update["memory_bandwidth_gb_per_s"] = self._of_gpu(
                "memory_bandwidth_gb_per_s", spec.memory_bandwidth_gb_per_s, "GB/s"
            )
        if spec.cores is not None:
            update["cores"] = self._of_gpu("cores", spec.cores, "")
        rates = spec.measured_matmul_tflops
        if rates is not None:
            update["measured_matmul_tflops"] = self._copied(
                rates, ("bf16", "fp16"), "measured_{}_matmul_tflops", "TFLOP/s", rates.source
            )
        if spec.link is not None:
            update["link"] = self._copied(
                spec.link, ("gb_per_s_per_direction",), "link_gb_per_s", "GB/s"
            )
        if spec.pcie is not None:
            update["pcie"] = self._copied(spec.pcie, ("lanes",), "pcie_lanes", "")
        return spec.model_copy(update=update)

    def _copied(
        self, of: Spec, fields: tuple[str, ...], name: str, unit: str, source: str = ""
    ) -> Spec:
        return of.model_copy(
            update={
                field: self._of_gpu(name.format(field), getattr(of, field), unit, source)
                for field in fields
                if getattr(of, field) is not None
            }
        )

    def _range(self, likely: TimeRange) -> TimeRange:
        source = f"{likely.name}: {likely.evidence}"
        taken: dict[str, Any] = {
            end: self.book.take(f"range_{end}", getattr(likely, end), "", "assumed", source)
            for end in ("low", "high")
        }
        return likely._replace(**taken)

    def _profiles(self, profile: Profile | None) -> dict[str, Profile]:
        if profile is None:
            return {}
        source = f"profile {profile.name} of {profile.made}"
        names = {
            "tokens_per_s": "logged_tokens_per_s",
            "predicted_tokens_per_s": "tokens_per_s_predicted_of_the_log",
        }
        taken = {
            field: self.book.take(name, getattr(profile, field), "tokens/s", "given", source)
            for field, name in names.items()
        }
        return {profile.stack: profile.model_copy(update=taken)}


def named_fit(book: Book, fit: ChinchillaLaw) -> ChinchillaLaw:
    """The constants of a scaling law, with names."""
    names = {"irreducible": "E", "a": "A", "b": "B", "alpha": "alpha", "beta": "beta"}
    taken: dict[str, Any] = {
        field: book.take(name, getattr(fit, field), "", "assumed", f"{fit.name}: {fit.source}")
        for field, name in names.items()
    }
    return fit._replace(**taken)
