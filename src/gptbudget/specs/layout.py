"""How a run is laid out over several accelerators: the degree of each kind of parallelism."""

from typing import Literal, NamedTuple

Zero = Literal[0, 1, 2, 3]
"""What data-parallel ranks share: nothing, optimizer states, gradients too, weights too."""


class Layout(NamedTuple):
    """Degrees of parallelism; one of each is a single accelerator.

    Megatron-LM's names: data (dp), tensor (tp), pipeline (pp) with model chunks a stage (vp),
    context (cp) and expert (ep) parallelism. Expert parallelism uses ranks of the other groups.
    """

    dp: int = 1
    tp: int = 1
    pp: int = 1
    vp: int = 1
    cp: int = 1
    ep: int = 1
    zero: Zero = 0
    sequence_parallel: bool = False
    """Tensor-parallel ranks share norms, dropout and the residual stream by position."""
    dp_shard: int | None = None
    """Of the data-parallel ranks, how many share one copy (hybrid sharding); ``None``: all."""

    @property
    def gpus(self) -> int:
        """Accelerators in all."""
        return self.dp * self.tp * self.pp * self.cp

    @property
    def sequence_ranks(self) -> int:
        """Ranks that cut the sequence, whose length must be a multiple of them."""
        return self.cp * (self.tp if self.sequence_parallel else 1)

    @property
    def shards(self) -> int:
        """Ranks that share states of the weights all tokens use: data times context degree.

        Context-parallel ranks hold the same weights, so that they share them too (Megatron-LM,
        ``--use-distributed-optimizer``; torchtitan, ``dp_shard_cp``).
        """
        return (self.dp_shard or self.dp) * self.cp if self.zero else 1

    @property
    def expert_ways(self) -> int:
        """Ranks over which experts are sharded: the expert degree, else the tensor degree.

        With an expert degree each expert is stored whole on one rank, even with tensor parallelism
        (Megatron-LM, ``--expert-tensor-parallel-size 1``).
        """
        return self.ep if self.ep > 1 else self.tp

    @property
    def expert_cut(self) -> int:
        """Tensor ranks over which each expert is cut."""
        return self.tp if self.ep == 1 else 1

    @property
    def expert_shards(self) -> int:
        """Ranks that share states of the same experts."""
        if not self.zero:
            return 1
        return (self.dp_shard or self.dp) * self.cp * self.tp // self.expert_ways


ONE_RANK = Layout()
"""A single accelerator."""
