"""What becomes of one weight of a base model: LoRA, DoRA, or a difference is added. No file is read, nothing is kept.

All is computed in float32 on the weight's device, whatever it is kept in.
"""

from dataclasses import dataclass
from typing import Protocol

import torch

SMALLEST = torch.finfo(torch.float32).tiny


class Change(Protocol):
    """Of the weight `name` of a part; `shape` is the weight's."""

    @property
    def part(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def onto(self, rows: torch.Tensor, base: torch.Tensor, strength: float) -> torch.Tensor:
        """`rows` plus `strength` times what this change adds to `base`.

        Both are float32 (outputs, all else), the weight flattened behind its first dimension, or (n,) as it is; `base`
        is the weight without any change.
        """
        ...


@dataclass(frozen=True)
class Layer:
    """LoRA on one module's weight: `scale` times `up` (outputs, rank) times `down` (rank, inputs).

    Convolutions have float (rank, channels, k, k) for `down` and (channels, rank, 1, 1) for `up`. With `magnitude` it
    is DoRA: the weight's columns get these lengths, (outputs, 1) or (1, inputs), with two more ones for convolutions;
    which of both says what a column is, and trainers differ.
    """

    part: str
    module: str
    down: torch.Tensor
    up: torch.Tensor
    scale: float
    magnitude: torch.Tensor | None = None

    @property
    def name(self) -> str:
        return f"{self.module}.weight"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.up.shape[0], *self.down.shape[1:])

    def onto(self, rows: torch.Tensor, base: torch.Tensor, strength: float) -> torch.Tensor:
        """Method: Hu et al., "LoRA", 2021, section 4.1."""
        down, up = (tensor.to(rows.device).float().flatten(1) for tensor in (self.down, self.up))
        if self.magnitude is None:
            return torch.addmm(rows, up, down, alpha=self.scale * strength)
        turned = torch.addmm(base, up, down, alpha=self.scale)
        return rows + strength * (self._scaled(turned, self.magnitude.to(rows.device).float()) - base)

    def _scaled(self, turned: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
        """Method: Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", arXiv 2402.09353, equation 5."""
        whole = turned.view(self.shape)
        along = [dim for dim, size in enumerate(magnitude.shape) if size == 1]
        lengths: torch.Tensor = torch.linalg.vector_norm(whole, dim=along, keepdim=True)
        return (magnitude / lengths.clamp(min=SMALLEST) * whole).view_as(turned)


@dataclass(frozen=True)
class Difference:
    """What a training added to one whole weight: float, of the weight's own shape."""

    part: str
    name: str
    added: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.added.shape)

    def onto(self, rows: torch.Tensor, base: torch.Tensor, strength: float) -> torch.Tensor:
        """`rows` and `strength` times the difference."""
        return rows + strength * self.added.to(rows.device).float().reshape(rows.shape)
