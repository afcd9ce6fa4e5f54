"""Trains a small GPT, for ``gptbudget dry-run``; needs PyTorch alone.

A block is nanoGPT's: LayerNorm, one matrix for queries, keys and values, GELU, no biases, the head
tied to the embedding. No variable keeps a tensor that the backward pass does not need.
"""

import argparse

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT = 4, 512, 8, 8192, 256
BATCH = 8


class Attention(nn.Module):
    def __init__(self, *, eager: bool) -> None:
        super().__init__()
        self.eager = eager
        self.inputs = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.output = nn.Linear(WIDTH, WIDTH, bias=False)
        if eager:
            self.register_buffer("mask", torch.ones(1, 1, CONTEXT, CONTEXT).tril())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        query, key, value = (
            each.view(batch, length, HEADS, -1).transpose(1, 2)
            for each in self.inputs(x).split(WIDTH, dim=2)
        )
        attend = self.attend if self.eager else self.attend_fused
        mixed = attend(query, key, value)
        return self.output(mixed.transpose(1, 2).contiguous().view(batch, length, WIDTH))

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        scores = (query @ key.transpose(-2, -1)) * (WIDTH // HEADS) ** -0.5
        scores = scores.masked_fill(self.mask == 0, float("-inf"))
        scores = functional.softmax(scores, dim=-1)
        return scores @ value

    def attend_fused(self, *states: torch.Tensor) -> torch.Tensor:
        return functional.scaled_dot_product_attention(*states, is_causal=True)


class Block(nn.Module):
    def __init__(self, *, eager: bool) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(WIDTH, bias=False), Attention(eager=eager))
        self.ffn = nn.Sequential(
            nn.LayerNorm(WIDTH, bias=False),
            nn.Linear(WIDTH, 4 * WIDTH, bias=False),
            nn.GELU(),
            nn.Linear(4 * WIDTH, WIDTH, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(x)
        return x + self.ffn(x)


class GPT(nn.Module):
    def __init__(self, *, eager: bool, checkpointed: bool) -> None:
        super().__init__()
        self.checkpointed = checkpointed
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList([Block(eager=eager) for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits, and the loss of predicting the tokens themselves."""
        places = torch.arange(tokens.size(1), device=tokens.device)
        x = self.tokens(tokens) + self.positions(places)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.checkpointed else block(x)
        logits = self.head(self.norm(x))
        return logits, functional.cross_entropy(logits.view(-1, VOCABULARY), tokens.view(-1))


def make_optimizer(name: str, model: nn.Module) -> torch.optim.Optimizer:
    if name == "sgd-momentum":
        return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, foreach=True)
    return torch.optim.AdamW(model.parameters(), fused=name == "fused", foreach=name == "foreach")


def shard(model: GPT) -> None:
    """FSDP2: 16-bit compute on fp32 shards, gradients reduced in fp32."""
    dist.init_process_group("nccl")
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for block in model.blocks:
        fully_shard(block, mp_policy=policy)
    fully_shard(model, mp_policy=policy)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["autocast", "pure", "fp32"], default="autocast")
    parser.add_argument("--optimizer", choices=["fused", "foreach", "loop", "sgd-momentum"],
                        default="fused")  # fmt: skip
    for flag in ("eager", "checkpointed", "accumulate", "keep-logits", "sharded"):
        parser.add_argument(f"--{flag}", action="store_true")
    settings = parser.parse_args()
    with torch.device("cuda"):
        model = GPT(eager=settings.eager, checkpointed=settings.checkpointed)
    if settings.mode == "pure":
        model.bfloat16()
    if settings.sharded:
        shard(model)
    optimizer = make_optimizer(settings.optimizer, model)
    autocast = settings.mode == "autocast" and not settings.sharded
    tokens = torch.zeros(BATCH, CONTEXT, dtype=torch.long).cuda()
    for _ in range(2):
        kept = []
        for _ in range(1 + settings.accumulate):
            with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
                logits, loss = model(tokens)
            if settings.keep_logits:
                kept.append(logits)
            del logits
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()


if __name__ == "__main__":
    main()
