"""Values that decide a course: known ones are right, others are said."""

import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

what = sys.argv[1]
layer = torch.nn.Linear(64, 64).cuda()
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(3):
    x = torch.randn(32, 64, device="cuda")
    if what == "random-mask":
        mask = torch.rand(32, device="cuda") < 0.5
        assert 0 < int(mask.sum()) < 32
        x = x[mask]
        assert x.shape[0] == int(mask.sum())
    elif what == "boolean-index":
        mask = torch.tensor([True] * 5 + [False] * 27).cuda()
        assert x[mask].shape == (5, 64)
        assert torch.masked_select(x, mask[:, None]).shape == (5 * 64,)
        lengths = torch.tensor([3, 1, 2], device="cuda")
        assert lengths.tolist() == [3, 1, 2]
        assert torch.repeat_interleave(lengths).tolist() == [0, 0, 0, 1, 2, 2]
        assert lengths.cumsum(0)[-1].item() == 6
    elif what == "unknown-shape":
        x = x[layer(x).sum(1) > 0]
    elif what == "router":
        _, chosen = torch.topk(layer(x), 2, dim=-1)
        counts = torch.bincount(chosen.flatten(), minlength=64)
        assert counts.tolist() == [1] * 64
    elif what == "attention":
        parts = layer(x).view(1, 1, 32, 64).bfloat16()
        with sdpa_kernel([SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH], set_priority=True):
            x = torch.nn.functional.scaled_dot_product_attention(parts, parts, parts)
        x = x.view(32, 64).float()
    loss = layer(x).sum()
    assert loss.item() == 1.0
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
