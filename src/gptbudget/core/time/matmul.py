"""Matrix products: time of arithmetic, partially filled waves, and operand traffic.

A product of m x k and k x n is 2 m n k FLOPs. Large products sustain a share of the best rate
measured on the card; the last wave of 128 x 128 tiles is half empty on average; operands and
result pass through memory, of which six tenths are not hidden.
"""

from gptbudget.core.arrays import Bytes, Count, Seconds
from gptbudget.specs.machine import Machine

MEMORY_SHARE = 0.85
"""Share of the nominal memory bandwidth that kernels reach. Set by hand, not fitted."""

_TILE = 128 * 128
_HALF_A_WAVE = 0.5
"""By hand; a fit on 277 runs gives 0.53."""

_EXPOSED_OPERANDS = 0.6
"""By hand, never fitted."""


def product_s(
    rows: Count, columns: Count, depth: Count, machine: Machine, *, narrow: bool = False
) -> Seconds:
    """Seconds of one product of (rows x depth) and (depth x columns).

    Example: 8,192 x 14,336 results are 7,168 tiles, so that half a wave of the 132
    multiprocessors of an H100 is 0.9 % of them.
    """
    rate = machine.matmul_flops_per_s * machine.sustained_share
    if narrow:
        rate = rate * machine.narrow_ratio
    tail = 1 + _HALF_A_WAVE * machine.multiprocessors * _TILE / (rows * columns)
    arithmetic_s = 2 * rows * columns * depth / rate * tail
    moved = rows * depth + depth * columns + rows * columns
    return arithmetic_s + operands_s(moved, machine)


def operands_s(elements: Count, machine: Machine) -> Seconds:
    """Seconds that operand traffic adds to a matmul: the part that is not hidden."""
    return _EXPOSED_OPERANDS * elements_s(elements, machine)


def elements_s(elements: Count, machine: Machine) -> Seconds:
    """Seconds that ``elements`` of the compute precision need through memory."""
    return traffic_s(machine.element_bytes * elements, machine)


def traffic_s(moved_bytes: Bytes, machine: Machine) -> Seconds:
    """Seconds that ``moved_bytes`` need through memory."""
    return moved_bytes / (MEMORY_SHARE * machine.memory_bytes_per_s)
