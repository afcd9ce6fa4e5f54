"""Convert an accelerator of the catalog into the machine of the step-time model."""

import math
from typing import NamedTuple

from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.machine import Machine
from gptbudget.specs.recipe import Precision
from gptbudget.specs.stack import Speed

SUSTAINED = 0.92
"""Of the best measured matmul rate; set by hand, 0.80 of an A100's nominal peak. Fitted together
with the next on all dense published runs it would be 0.96, and runs left out no better predicted
(cross_validation.json)."""

SUSTAINED_ON_HOPPER = 0.95
"""A further factor on Hopper and data-centre Blackwell; lowered from 1 after seeing errors."""

_NOMINAL_SHARES = {"consumer": 1.03, "laptop": 1.03}
_NOMINAL_SHARE, _TPU_SHARE = 0.80, 0.90
"""Matmul rate over nominal peak where nobody measured it: GeForce boosts beyond its rated clock."""

_FLASH, _FLASH_ON_HOPPER, _HOPPER_KERNELS = 0.70, 0.42, 0.75
"""FlashAttention rate / matmul rate (FlashAttention-2 and -3's published curves)."""

_FP8_SHARE, _FP4_SHARE, _MOST_FP8_RATIO = 0.95, 0.70, 2.0
"""Of the nominal ratio of rates, what products in 8 and 4 bit sustain: 0.95 after seeing errors of
0.85, 0.70 by hand; no card sustains more than twice its 16-bit rate in 8 bit."""

_LINK_SHARE, _HOST_LINK_SHARE = 0.8, 0.4
"""Of nominal rates, what collectives reach: over NVLink and network, and through a host that
cannot pass messages from card to card; by hand, never fitted."""

_PCIE_LANE_GB_PER_S = {1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563, 7: 15.125}
"""GB/s per lane and direction, by PCIe generation (PCI-SIG)."""

_USUAL_PCIE = (4, 16)
GPUS_PER_NODE = 8
"""Default number of GPUs per host."""

_NETWORK_GB_PER_S = {"old": 25.0, "hopper": 50.0, "slots": 10.0}
"""Of one GPU and direction where none is given: 200 Gb/s up to A100, 400 Gb/s from H100, and
less for consumer cards and cards without a fast link. Set by hand."""


class AssumedMachine(NamedTuple):
    """The machine, and what had to be assumed of it."""

    rates: Machine
    matmul_is_measured: bool
    missing: tuple[str, ...]
    """Figures that nobody publishes: the parts they stand for are left out, or a default."""


def machine_of(
    gpu: GpuSpec,
    precision: Precision,
    peak_flops_per_s: float,
    speed: Speed,
    network_gb_per_s: float,
    gpus: int = 1,
    gpus_per_node: int | None = None,
    *,
    offload: bool = False,
) -> AssumedMachine:
    """Return the machine for ``precision``; fp8 and fp4 rates derive from the 16-bit rate.

    What a link of unknown speed carries takes no time, and what a card without slot data carries
    passes a PCIe 4.0 x16 slot: both are named as missing where something passes there. A card of
    unknown architecture counts as one of before Hopper.
    """
    narrow = precision in {"fp8", "fp4"}
    base = gpu.peak_flops_per_s("bf16") or gpu.peak_flops_per_s("fp16") if narrow else None
    nominal = base or peak_flops_per_s
    rates = gpu.measured_matmul_tflops if precision not in {"fp32", "tf32"} else None
    measured = rates and (rates.bf16 or rates.fp16)
    hopper = is_hopper(gpu)
    unknown_link = gpu.link is not None and gpu.link.gb_per_s_per_direction is None
    between_slots = gpus > 1 and (gpu.link is None or node_of(gpu) > domain_of(gpu))
    missing = {
        "memory bandwidth": gpu.memory_bandwidth_gb_per_s is None,
        "speed of the link": gpus > 1 and unknown_link,
        "slot": gpu.pcie is None and (between_slots or offload),
        "architecture": gpu.architecture is None,
    }
    host = _pcie_bytes_per_s(gpu)
    link = slots = _HOST_LINK_SHARE * host
    if gpu.link is not None:
        link = _LINK_SHARE * (gpu.link.gb_per_s_per_direction or math.inf) * 1e9
    return AssumedMachine(
        Machine(
            matmul_flops_per_s=measured * 1e12 if measured else nominal * _nominal_share(gpu),
            sustained_share=SUSTAINED * (SUSTAINED_ON_HOPPER if hopper else 1),
            narrow_ratio=_narrow_ratio(precision, peak_flops_per_s / nominal) if narrow else 1,
            attention_share=_attention_share(speed, hopper=hopper),
            memory_bytes_per_s=(gpu.memory_bandwidth_gb_per_s or math.inf) * 1e9,
            multiprocessors=gpu.multiprocessors or 0,
            link_bytes_per_s=link,
            domain_gpus=domain_of(gpu, gpus_per_node),
            slot_bytes_per_s=slots,
            node_gpus=node_of(gpu, gpus_per_node),
            network_bytes_per_s=_LINK_SHARE * network_gb_per_s * 1e9,
            host_bytes_per_s=_LINK_SHARE * host,
            element_bytes=4 if precision in {"fp32", "tf32"} else 2,
        ),
        measured is not None,
        tuple(figure for figure, is_missing in missing.items() if is_missing),
    )


def domain_of(gpu: GpuSpec, gpus_per_node: int | None = None) -> int:
    """Cards behind the fast link, else those that share a host; a smaller host has fewer."""
    linked = gpu.link.domain_gpus if gpu.link else None
    if linked is not None and linked > GPUS_PER_NODE:
        return linked
    return min(linked or GPUS_PER_NODE, gpus_per_node or GPUS_PER_NODE)


def node_of(gpu: GpuSpec, gpus_per_node: int | None = None) -> int:
    """Cards that reach each other without the network."""
    return max(domain_of(gpu, gpus_per_node), gpus_per_node or GPUS_PER_NODE)


def default_network_gb_per_s(gpu: GpuSpec) -> float:
    """Default network bandwidth per GPU and direction for this card, in GB/s."""
    if gpu.link is None or gpu.segment != "datacenter":
        return _NETWORK_GB_PER_S["slots"]
    return _NETWORK_GB_PER_S["hopper" if is_hopper(gpu) else "old"]


def is_hopper(gpu: GpuSpec) -> bool:
    """Hopper, or a data-centre GPU after it."""
    names = ("Hopper", "Blackwell (GB100)", "Blackwell Ultra")
    return (gpu.architecture or "").startswith(names)


def _nominal_share(gpu: GpuSpec) -> float:
    if (gpu.architecture or "").startswith("TPU"):
        return _TPU_SHARE
    return _NOMINAL_SHARES.get(gpu.segment or "", _NOMINAL_SHARE)


def _narrow_ratio(precision: Precision, ratio: float) -> float:
    """Return the sustained fp8 or fp4 rate / 16-bit rate; at most 0.95 x 2 for fp8."""
    if precision == "fp8":
        return _FP8_SHARE * min(_MOST_FP8_RATIO, ratio)
    return _FP4_SHARE * ratio


def _attention_share(speed: Speed, *, hopper: bool) -> float:
    if not hopper:
        return speed.attention_rate * _FLASH
    usual = _HOPPER_KERNELS if speed.hopper_attention else _FLASH_ON_HOPPER
    return speed.attention_rate * usual


def _pcie_bytes_per_s(gpu: GpuSpec) -> float:
    generation, lanes = (gpu.pcie.generation, gpu.pcie.lanes) if gpu.pcie else _USUAL_PCIE
    return _PCIE_LANE_GB_PER_S[int(generation)] * 1e9 * lanes
