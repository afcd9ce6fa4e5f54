"""An accelerator: datasheet values, measurements and sources."""

from typing import Annotated, Literal

from pydantic import Field

from gptbudget.specs.base import Count, Positive, Spec, Text, YearMonth
from gptbudget.specs.prices import Price, ProviderPrice, compared, default_rent
from gptbudget.specs.recipe import PRECISIONS, Precision
from gptbudget.units import GIB


class PeakTflops(Spec):
    """Dense peak rates in TFLOP/s (a multiply-add is two), by input precision.

    Tensor rates are those with fp32 accumulation, which is what training frameworks use;
    ``fp32`` is the ordinary vector rate. ``null`` means the hardware lacks it or nobody says.
    """

    fp64: Positive | None = None
    fp32: Positive | None = None
    tf32: Positive | None = None
    fp16: Positive | None = None
    bf16: Positive | None = None
    fp8: Positive | None = None
    fp4: Positive | None = None


class Fp16AccumulateTflops(Spec):
    """Dense rates in TFLOP/s when sums are kept in fp16: shown, never used for training."""

    fp16: Positive | None = None
    fp8: Positive | None = None


class MeasuredMatmul(Spec):
    """The best rate a matrix product has reached on the card, in TFLOP/s."""

    bf16: Positive | None = None
    fp16: Positive | None = None
    source: Text


class Link(Spec):
    """The fast link between accelerators, per accelerator and direction."""

    name: Text
    gb_per_s_per_direction: Positive | None = None
    domain_gpus: Count | None = None
    """How many accelerators are reached at that speed."""


class Pcie(Spec):
    """The PCI Express slot."""

    generation: Annotated[int, Field(ge=1, le=7)]
    lanes: Count


class DriverNames(Spec):
    """What NVIDIA's driver calls the card (NVML, nvidia-smi, torch), to the letter."""

    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    source: Text


class GpuSpec(Spec):
    """One accelerator of the catalog, in datasheet units; properties answer in base units."""

    name: Text
    aliases: tuple[Text, ...] = ()
    nvml: DriverNames | None = None
    """Driver names that are not unique, or that are documented in a source."""
    vendor: Text | None = None
    architecture: Text | None = None
    segment: (
        Literal["consumer", "laptop", "workstation", "datacenter", "soc", "historic"] | None
    ) = None
    released: YearMonth | None = None
    memory_gib: Positive | None = None
    """Nominal capacity: cards marketed in GB have this many GiB."""
    memory_reported_gib: Positive | None = None
    """What CUDA reports as total, if a source states it; less than the nominal capacity."""
    memory_type: Text | None = None
    memory_bandwidth_gb_per_s: Positive | None = None
    peak_tflops: PeakTflops
    peak_tflops_fp16_accumulate: Fp16AccumulateTflops | None = None
    tensor_family: Text | None = None
    """Name of the family in ``tensor_rates.yaml``, against which the tensor peaks are checked."""
    int8_tops: Positive | None = None
    cores: Count | None = None
    """fp32 lanes (CUDA cores, stream processors)."""
    boost_mhz: Positive | None = None
    measured_matmul_tflops: MeasuredMatmul | None = None
    tdp_w: Positive | None = None
    link: Link | None = None
    pcie: Pcie | None = None
    compute_capability: Text | None = None
    price: Price | None = None
    cloud_price_per_hour: Price | None = None
    cloud_spot_price_per_hour: Price | None = None
    cloud_prices: tuple[ProviderPrice, ...] = ()
    """Offers of individual providers, on-demand and spot."""
    sources: tuple[Text, ...] = ()
    notes: Text | None = None

    def peak_flops_per_s(self, precision: Precision) -> float | None:
        """Dense peak in FLOP/s for a precision, or ``None`` when the card lacks it."""
        tflops: float | None = getattr(self.peak_tflops, precision)
        return None if tflops is None else tflops * 1e12

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The precisions with a known peak."""
        return tuple(p for p in PRECISIONS if getattr(self.peak_tflops, p) is not None)

    @property
    def best_precision(self) -> Precision | None:
        """Default training precision: bf16, else fp16, else fp32."""
        wanted: tuple[Precision, ...] = ("bf16", "fp16", "fp32")
        return next((p for p in wanted if p in self.precisions), None)

    @property
    def memory_bytes(self) -> float | None:
        """Usable memory in bytes: what CUDA reports where known, else the capacity."""
        gib = self.memory_reported_gib or self.memory_gib
        return None if gib is None else gib * GIB

    @property
    def multiprocessors(self) -> float | None:
        """64 lanes each on Volta, Turing and the large chips of Pascal and Ampere, else 128."""
        capability = self.compute_capability or ""
        if self.cores is None or not capability[:1].isdigit():
            return None
        return self.cores / (64 if capability in {"6.0", "7.0", "7.5", "8.0"} else 128)

    @property
    def compared_offers(self) -> tuple[ProviderPrice, ...]:
        """The offers that the default rent is chosen from, cheapest first."""
        return compared(self.cloud_prices)

    @property
    def rent_per_hour(self) -> Price | None:
        """The default price of an hour: ``cloud_price_per_hour``, else the median offer."""
        return default_rent(self.cloud_price_per_hour, self.cloud_prices)
