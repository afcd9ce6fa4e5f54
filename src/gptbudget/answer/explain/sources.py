"""Who says so: the citations of the numbers of an answer, in one table.

Each is what the docstring of the formula cites, in a line. What is not here is said by the first
sentence of that docstring.
"""

_SAID = {
    "parameters": "tensors of the architecture, counted; equal to PyTorch's own count",
    "required_flops_exact required_flops_causal": "two FLOPs a multiply-add, every matrix product;"
    " equal to PyTorch's FlopCounterMode",
    "required_flops_6nd": "Kaplan et al. 2020, arXiv 2001.08361, section 2.1",
    "active_parameters": "less the experts that a token does not visit",
    "available_flops": "what the run computes, times the horizon over the wall clock",
    "ratio": "what the horizon delivers over what the run needs; compute suffices from 1 on",
    "tokens": "Hoffmann et al. 2022, arXiv 2203.15556, equation 4, with the constants of Besiroglu"
    " et al. 2024, arXiv 2404.10102",
    "rank.placement": "Narayanan et al. 2021, arXiv 2104.04473; Megatron-LM",
    "rank.states memory.weights memory.gradients memory.optimizer_state memory.masters": (
        "Rajbhandari et al. 2020, arXiv 1910.02054, section 5"
    ),
    "memory.autocast_copies": "2 bytes of each matrix that multiplies, in autocast's cache "
    "(PyTorch)",
    "memory.activations": "bytes that each part of a block keeps, measured in PyTorch "
    "(stacks.yaml); Korthikanti et al. 2022, arXiv 2205.05198, equation 1",
    "memory.logits": "what loss and final norm keep, measured in PyTorch (stacks.yaml)",
    "time.logits_and_loss": "products of the head as above, and the stack's bytes for each logit "
    "through memory",
    "memory.phases memory.temporaries memory.buffers": "alive at once in this phase, as PyTorch's "
    "MemTracker has it (tests/truth)",
    "rank.gathering memory.gathered_weights": "torch.distributed.fsdp.fully_shard, held against "
    "PyTorch's own FSDP tracker",
    "memory.communication_buffers": "buckets of DistributedDataParallel or DeepSpeed, FSDP's "
    "gathered weights and reduced gradients, messages of Korthikanti et al. 2022, arXiv "
    "2205.05198, appendix B",
    "memory.driver_context": "0.47 to 0.92 GiB, the middle: "
    "https://github.com/stas00/ml-engineering/blob/master/training/performance/README.md",
    "memory.workspaces": "what cuBLAS and cuBLASLt ask for: https://docs.nvidia.com/cuda/cublas",
    "memory.collectives": "https://github.com/NVIDIA/nccl/issues/964, and for all-to-all "
    "https://github.com/NVIDIA/nccl/issues/1685",
    "memory.allocator_slack": "1.83 of 77.14 GiB in "
    "https://github.com/vllm-project/compressed-tensors/pull/587",
    "host_bytes": "ZeRO-Infinity, arXiv 2104.07857",
    "machine": "figures of the card in base units, and the shares of them that are reached: by "
    "hand, or after seeing errors, as validate --cross lists",
    "time.products": "2 m n k FLOPs at the sustained rate, half an empty wave of 128 x 128 tiles, "
    "and 0.6 of the operands' traffic at 0.85 of the bandwidth; set by hand",
    "time.attention": "Dao 2023, arXiv 2307.08691: half its rate at 400 tokens, backward 2.5 x "
    "forward",
    "time.elementwise": "elements that the kernels of a block move, by hand from counting its "
    "tensors, times the stack's factor",
    "time.recomputation": "the forward pass again: Narayanan et al. 2021, arXiv 2104.04473, "
    "equation 3",
    "time.tensor_parallel": "Korthikanti et al. 2022, arXiv 2205.05198: two all-reduces each way",
    "time.context_ring": "Liu et al. 2023, arXiv 2310.01889",
    "time.expert_all_to_all": "DeepSeek-V3, arXiv 2412.19437, section 3.2.2",
    "time.pipeline_bubble": "Narayanan et al. 2021, arXiv 2104.04473, section 2.2",
    "time.pipeline_messages": "Narayanan et al. 2021, arXiv 2104.04473, section 4.1, Figures 12 "
    "and 18",
    "time.data_parallel": "Rajbhandari et al. 2020, arXiv 1910.02054, section 7; Zhao et al. 2023,"
    " arXiv 2304.11277; less what runs beside the computation",
    "time.host_update": "8.2 s for 11.6 billion parameters: "
    "https://github.com/deepspeedai/DeepSpeed/pull/735",
    "wall_clock_s": "seconds of all steps, predicted or what the FLOPs take at the rate delivered;"
    " the rest of the clock is lost (goodput)",
    "mfu mfu_causal time.utilization": "Chowdhery et al. 2022, arXiv 2204.02311, appendix B",
    "time.profile": "a logged step of this card and stack; of its logarithm 70 % is carried to "
    "other runs",
    "low_s high_s": "5th and 95th percentile of measured over predicted time of the class, or a "
    "guess that says so",
    "energy_kwh": "Patterson et al. 2021, arXiv 2104.10350: GPU-hours x power x PUE",
    "optimum": "Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and equation 4",
}

SOURCES = {name: said for names, said in _SAID.items() for name in names.split()}
"""By the name of a number, or of the whole that it is a part of."""
