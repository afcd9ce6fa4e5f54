"""The same under DistributedDataParallel, as torchrun starts it."""

import os

import torch
import torch.distributed as dist

dist.init_process_group("nccl")
torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
layers = [torch.nn.Linear(1024, 1024) for _ in range(4)]
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(*layers).cuda())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    model(torch.randn(8, 1024, device="cuda")).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    total = torch.ones(2, dtype=torch.long, device="cuda")
    dist.all_reduce(total)
    said = [None] * dist.get_world_size()
    dist.all_gather_object(said, dist.get_rank())
print("world", dist.get_world_size(), "rank", dist.get_rank())
