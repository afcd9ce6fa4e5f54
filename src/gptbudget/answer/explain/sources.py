"""Who says so: the citations of the formulas, in one table.

Each is what the docstring of the formula cites, in a line.
"""

from typing import Literal

Formula = Literal[
    "parameters",
    "adapters",
    "forward",
    "training",
    "lora",
    "6nd",
    "delivered",
    "headline",
    "ratio",
    "tokens",
    "placement",
    "states",
    "autocast",
    "activations",
    "checkpointing",
    "logits",
    "head",
    "phases",
    "fsdp",
    "messages",
    "context",
    "collectives",
    "slack",
    "usable",
    "offload",
    "rates",
    "products",
    "attention",
    "elementwise",
    "recomputation",
    "host",
    "tensor_parallel",
    "context_ring",
    "expert_all_to_all",
    "pipeline",
    "stage_messages",
    "data_parallel",
    "optimizer",
    "host_traffic",
    "host_update",
    "wall_clock",
    "throughput",
    "mfu",
    "profile",
    "range",
    "gpu_hours",
    "money",
    "energy",
    "carbon",
    "law",
]

SOURCES: dict[Formula, str] = {
    "parameters": "tensors of the architecture, counted; equal to PyTorch's own count",
    "adapters": "Hu et al. 2021, arXiv 2106.09685, section 4.1: r (n + m) for each n x m matrix",
    "forward": "two FLOPs a multiply-add, every matrix product; equal to PyTorch's FlopCounterMode",
    "training": "the backward pass has two products for each one of the forward pass",
    "lora": "frozen weights have no gradient of their own: 2 products for 3",
    "6nd": "Kaplan et al. 2020, arXiv 2001.08361, section 2.1",
    "delivered": "GPUs x peak x utilization x goodput",
    "headline": "in the FLOPs of --convention",
    "ratio": "what the horizon delivers over what the run needs; compute suffices from 1 on",
    "tokens": "Hoffmann et al. 2022, arXiv 2203.15556, equation 4, with the constants of Besiroglu "
    "et al. 2024, arXiv 2404.10102",
    "placement": "Narayanan et al. 2021, arXiv 2104.04473; Megatron-LM",
    "states": "Rajbhandari et al. 2020, arXiv 1910.02054, section 5",
    "autocast": "2 bytes of each matrix that multiplies, in autocast's cache (PyTorch)",
    "activations": "bytes that each part of a block keeps, measured in PyTorch (stacks.yaml); "
    "Korthikanti et al. 2022, arXiv 2205.05198, equation 1",
    "checkpointing": "Korthikanti et al. 2022, arXiv 2205.05198",
    "logits": "what loss and final norm keep, measured in PyTorch (stacks.yaml)",
    "head": "products of the head as above, and the stack's bytes for each logit through memory",
    "phases": "alive at once in this phase, as PyTorch's MemTracker has it (tests/truth)",
    "fsdp": "torch.distributed.fsdp.fully_shard, held against PyTorch's own FSDP tracker",
    "messages": "buckets of DistributedDataParallel or DeepSpeed, FSDP's gathered weights and "
    "reduced gradients, messages of Korthikanti et al. 2022, arXiv 2205.05198, appendix B",
    "context": "0.47 to 0.92 GiB, the middle: https://github.com/stas00/ml-engineering/blob/master/"
    "training/performance/README.md",
    "collectives": "https://github.com/NVIDIA/nccl/issues/964, and for all-to-all "
    "https://github.com/NVIDIA/nccl/issues/1685",
    "slack": "1.83 of 77.14 GiB in https://github.com/vllm-project/compressed-tensors/pull/587",
    "usable": "it fits where what is left is not negative",
    "offload": "ZeRO-Infinity, arXiv 2104.07857",
    "rates": "figures of the card in base units, and the shares of them that are reached: by hand, "
    "or after seeing errors, as validate --cross lists",
    "products": "2 m n k FLOPs at the sustained rate, half an empty wave of 128 x 128 tiles, and "
    "0.6 of the operands' traffic at 0.85 of the bandwidth; set by hand",
    "attention": "Dao 2023, arXiv 2307.08691: half its rate at 400 tokens, backward 2.5 x forward",
    "elementwise": "elements that the kernels of a block move, by hand from counting its tensors, "
    "times the stack's factor",
    "recomputation": "the forward pass again: Narayanan et al. 2021, arXiv 2104.04473, equation 3",
    "host": "what the host needs to start a layer, less the time the layer takes",
    "tensor_parallel": "Korthikanti et al. 2022, arXiv 2205.05198: two all-reduces each way",
    "context_ring": "Liu et al. 2023, arXiv 2310.01889",
    "expert_all_to_all": "DeepSeek-V3, arXiv 2412.19437, section 3.2.2",
    "pipeline": "Narayanan et al. 2021, arXiv 2104.04473, section 2.2",
    "stage_messages": "Narayanan et al. 2021, arXiv 2104.04473, section 4.1, Figures 12 and 18",
    "data_parallel": "Rajbhandari et al. 2020, arXiv 1910.02054, section 7; Zhao et al. 2023, "
    "arXiv 2304.11277; less what runs beside the computation",
    "optimizer": "all that the optimizer keeps is read and written once, at 0.85 of the bandwidth",
    "host_update": "8.2 s for 11.6 billion parameters: https://github.com/deepspeedai/DeepSpeed/pull/735",
    "host_traffic": "over the PCIe slot: ZeRO-Infinity, arXiv 2104.07857",
    "wall_clock": "seconds of all steps, predicted or what the FLOPs take at the rate delivered; "
    "the rest of the clock is lost (goodput)",
    "throughput": "tokens over the seconds that are steps",
    "mfu": "Chowdhery et al. 2022, arXiv 2204.02311, appendix B",
    "profile": "a logged step of this card and stack; of its logarithm 70 % is carried to other "
    "runs",
    "range": "5th and 95th percentile of measured over predicted time of the class, or a guess "
    "that says so",
    "gpu_hours": "GPUs x hours",
    "money": "GPU-hours x price",
    "energy": "Patterson et al. 2021, arXiv 2104.10350: GPU-hours x power x PUE",
    "carbon": "energy x intensity of the grid",
    "law": "Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and equation 4",
}
