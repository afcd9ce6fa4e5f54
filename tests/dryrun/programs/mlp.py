"""Four square layers under AdamW: a step whose bytes can be counted by hand."""

import sys

import torch

width, batch = int(sys.argv[1]), int(sys.argv[2])
model = torch.nn.Sequential(*[torch.nn.Linear(width, width, bias=False) for _ in range(4)]).cuda()
optimizer = torch.optim.AdamW(model.parameters(), foreach=False)
for _ in range(4):
    loss = model(torch.randn(batch, width, device="cuda")).square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
