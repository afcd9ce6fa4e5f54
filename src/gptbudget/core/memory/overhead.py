"""Memory outside the tensors of a step: driver context, library workspaces, allocator.

These are listed as parts of the total, not as a hidden safety margin. They vary with driver,
library and allocation pattern; each figure is a measurement of one setup and shown as a default.
"""

from gptbudget.core.arrays import Bytes, any_true, where, whole
from gptbudget.core.parts import Parts
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.units import GIB

_MIB = 2**20

CONTEXT_BYTES = whole(0.7 * GIB)
"""Driver context with the kernels a training script loads: between 0.47 GiB (only the first
kernel) and 0.92 GiB (all of them) with PyTorch 2.1 on an A100; the middle.
Source: https://github.com/stas00/ml-engineering/blob/master/training/performance/README.md,
section "Preloaded CUDA kernels memory usage"."""

_CUBLAS_BYTES = 2 * 4 * _MIB + 8 * 16 * 2**10
"""PyTorch's workspace of a cuBLAS handle, ``:4096:2:16:8``: the 8,519,680 bytes seen in
https://discuss.pytorch.org/t/178671."""

_HOPPER = 9.0
_HOPPER_WORKSPACE_BYTES = 32 * _MIB
"""What cuBLAS asks for from compute capability 9.0 on, per handle and again for cuBLASLt:
https://docs.nvidia.com/cuda/cublas/#cublassetworkspace."""

_CUBLASLT_BYTES = 4 * _MIB
"""cuBLASLt's before that: https://github.com/pytorch/pytorch/pull/120925."""

ALLOCATOR_SLACK = 0.024
"""Reserved but unused share of what the allocator holds at its limit: 1.83 of 77.14 GiB in an
out-of-memory report (https://github.com/vllm-project/compressed-tensors/pull/587); 0.9 % in
another (https://github.com/vllm-project/vllm/issues/10637). Many small odd-sized requests
fragment far more (GMLake, arXiv 2401.08156)."""

_COLLECTIVE_BYTES = 688 * _MIB
"""What NCCL takes for the first collective: measured on four A100 with NVLink,
https://github.com/NVIDIA/nccl/issues/964. It depends on links and channels, and hardly on the
number of ranks. Groups split from the first share it (ncclCommSplit, splitShare); groups made one
by one take as much each, which is left out."""

_ALL_TO_ALL_BYTES = 3.28e9
"""Additional memory of the first all-to-all on eight H100:
https://github.com/NVIDIA/nccl/issues/1685 (1.06 to 4.34 GB)."""


def overhead_parts(
    framework_bytes: Bytes, compute_capability: str | None, layout: Layout = ONE_RANK
) -> Parts[Bytes]:
    """Context, workspaces, collectives and allocator slack beside ``framework_bytes`` of tensors.

    Known for CUDA only; hardware without a compute capability has none of these parts.
    """
    if not is_cuda(compute_capability):
        return Parts({})
    return Parts(
        {
            "driver_context": CONTEXT_BYTES,
            "workspaces": workspace_bytes(float(compute_capability or 0)),
            **({"collectives": collective_bytes(layout)} if any_true(layout.gpus > 1) else {}),
            "allocator_slack": ALLOCATOR_SLACK * framework_bytes,
        }
    ).whole()


def collective_bytes(layout: Layout) -> Bytes:
    """What the communication library keeps on a rank of several, in bytes.

    Example: 688 MiB for FSDP, 3.7 GiB where tokens are sent to experts on other GPUs.
    """
    of_several = _COLLECTIVE_BYTES + (_ALL_TO_ALL_BYTES if layout.ep > 1 else 0)
    return where(layout.gpus > 1, of_several, 0)


def is_cuda(compute_capability: str | None) -> bool:
    """Whether the hardware runs CUDA: it has a numeric compute capability."""
    return compute_capability is not None and compute_capability[:1].isdigit()


def workspace_bytes(compute_capability: float) -> float:
    """Workspaces of the matrix libraries, in bytes.

    Example: 64 MiB on an H100 (compute capability 9.0).
    """
    if compute_capability < _HOPPER:
        return _CUBLAS_BYTES + _CUBLASLT_BYTES
    return 2 * _HOPPER_WORKSPACE_BYTES
