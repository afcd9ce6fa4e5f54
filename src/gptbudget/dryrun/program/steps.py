"""Where the steps of a program begin and end, seen from PyTorch's own hooks.

A step is everything up to the optimizer steps that follow a backward pass. How many calls of
``optimizer.step`` it has is seen in the first: several optimizers, or one that is called for each
part of the parameters. From the second step on its end is known at once.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)


class Steps:
    """Tells ``edge(phase, step)`` where a phase ends, and ``step_ended(step)``."""

    def __init__(self, edge: Callable[[str, int], None], step_ended: Callable[[int], None]) -> None:
        self.optimizers: list[torch.optim.Optimizer] = []
        self.step = 0
        """The step that runs; 0 before the first forward pass."""
        self.ended = 0
        """How many steps have ended."""
        self.phase = "start"
        """The phase that runs."""
        self._edge = edge
        self._step_ended = step_ended
        self._calls = 0
        self._calls_of_a_step = 0
        self._in_backward = 0
        self._watch()

    def _watch(self) -> None:
        self._first = register_module_forward_pre_hook(self._first_forward)
        register_optimizer_step_pre_hook(self._before_optimizer)
        register_optimizer_step_post_hook(self._after_optimizer)
        torch.autograd.Variable._execution_engine = _Engine(
            torch.autograd.Variable._execution_engine, self._backward
        )

    def _backward(self, run: Callable[[], Any]) -> Any:
        self._before_backward()
        try:
            return run()
        finally:
            self._in_backward -= 1
            if not self._in_backward:
                self._end_phase("backward", "outside")

    def _first_forward(self, module: torch.nn.Module, _: Any) -> None:
        """The first module that is called to be trained ends the start."""
        if module.training and torch.is_grad_enabled():
            self._first.remove()
            self._begin()

    def _begin(self) -> None:
        if self.step == 0:
            self._end_phase("start", "forward")
            self.step = 1

    def _before_backward(self) -> None:
        if self._calls and not self._in_backward:
            self._end_step()
        self._begin()
        if not self._in_backward:
            self._end_phase("forward", "backward")
        self._in_backward += 1

    def _before_optimizer(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._begin()
        if optimizer not in self.optimizers:
            self.optimizers.append(optimizer)
        if not self._in_backward:
            self._end_phase("outside", "optimizer_step")

    def _after_optimizer(self, *_: Any) -> None:
        self._calls += 1
        if self._in_backward:
            return
        self._end_phase("optimizer_step", "outside")
        if self._calls == self._calls_of_a_step:
            self._end_step()

    def _end_step(self) -> None:
        self._calls_of_a_step, self._calls = self._calls, 0
        self.ended += 1
        self._step_ended(self.step)
        self.step += 1
        self.phase = "forward"

    def _end_phase(self, phase: str, following: str) -> None:
        self._edge(phase, self.step)
        self.phase = following

    def finish(self) -> None:
        """The program ends: a step whose optimizers have stepped has ended too."""
        if self._calls:
            self._end_step()


class _Engine:
    """PyTorch's autograd engine; every backward pass goes through ``watch``."""

    def __init__(self, engine: Any, watch: Callable[[Callable[[], Any]], Any]) -> None:
        self._engine = engine
        self._watch = watch

    def run_backward(self, *arguments: Any, **named: Any) -> Any:
        """Run a backward pass."""
        return self._watch(lambda: self._engine.run_backward(*arguments, **named))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)
