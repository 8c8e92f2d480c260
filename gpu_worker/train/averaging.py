"""The moving average of what is learnt (EMA), which draws more steadily than the last train step's weights.

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; by diffusers' EMAModel, whose decay
begins low and grows to the one asked for. Which weights are saved in the end is not decided here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.training_utils import EMAModel


class Average:
    """The average of `parameters`; one that does not learn for a while stands for itself."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter], decay: float) -> None:
        self._parameters = parameters
        self._model: Any = EMAModel(parameters, decay=decay, foreach=True)

    def update(self) -> None:
        """Take in the parameters as they are after a train step."""
        self._model.step(self._parameters)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """The parameters hold the average meanwhile, and their own values again afterwards, bit by bit."""
        self._model.store(self._parameters)
        self._model.copy_to(self._parameters)
        try:
            yield
        finally:
            self._model.restore(self._parameters)

    @property
    def values(self) -> list[torch.Tensor]:
        """In the order of the parameters."""
        return list(self._model.shadow_params)

    @property
    def updates(self) -> int:
        """How many there were."""
        return int(self._model.optimization_step)

    def restore(self, values: Sequence[torch.Tensor], updates: int) -> None:
        """Go on from a saved average."""
        for mine, saved in zip(self._model.shadow_params, values, strict=True):
            mine.copy_(saved)
        self._model.optimization_step = updates
