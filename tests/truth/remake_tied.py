"""How PyTorch's engine adds the two gradients of a tied matrix: ``add`` out of place or ``add_``.

Run with torch (CPU) installed: ``python tests/truth/remake_tied.py``. With torch 2.13.0 it prints
``aten::add`` for 16-bit and fp32 weights and for FSDP2 over two ranks, ``aten::add_`` for autocast.
Out of place a third tensor of the matrix's size is alive at that moment.
"""

from __future__ import annotations

import os
from typing import Any

ROWS, WIDTH, RANKS = 1000, 64, 2


def tied() -> Any:
    """An embedding, one product, and the embedding again as the head, with the loss."""
    from torch import nn
    from torch.nn.functional import cross_entropy

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(ROWS, WIDTH)
            self.block = nn.Linear(WIDTH, WIDTH, bias=False)
            self.head = nn.Linear(WIDTH, ROWS, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, tokens: Any) -> Any:
            logits = self.head(self.block(self.embedding(tokens)))
            return cross_entropy(logits.view(-1, ROWS).float(), tokens.view(-1))

    return Tied()


def additions(model: Any, *, autocast: bool = False) -> list[str]:
    """The additions of matrices as large as the tied one in a second backward pass."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    tokens = torch.randint(0, ROWS, (2, 128))
    for _ in range(2):
        model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = model(tokens)
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
            loss.backward()
    names = {"aten::add", "aten::add_"}
    return [
        event.name
        for event in seen.events()
        if event.name in names and event.input_shapes[0] == [ROWS, WIDTH]
    ]


def rank_of_fsdp(rank: int) -> None:
    """One rank of FSDP2 with 16-bit compute and an fp32 reduction."""
    import torch
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
    dist.init_process_group("gloo", rank=rank, world_size=RANKS)
    model, mesh = tied(), init_device_mesh("cpu", (RANKS,))
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    fully_shard(model.block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    found = additions(model)
    if rank == 0:
        print("FSDP2, bf16 compute:", *found)


if __name__ == "__main__":
    import torch
    import torch.multiprocessing as mp

    print("bf16 weights:", *additions(tied().to(torch.bfloat16)))
    print("fp32 weights:", *additions(tied()))
    print("autocast:", *additions(tied(), autocast=True))
    mp.spawn(rank_of_fsdp, nprocs=RANKS)
