"""Which images each train step looks at, and in pieces of what size. A pure function of settings, seed and train step.

Nothing is learnt here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from gpu_worker.train.config import TrainConfig
from gpu_worker.train.lessons import Lesson

INSTANCE, CLASS, DROPOUT = 0, 1, 2  # streams of random numbers from one seed


@dataclass(frozen=True)
class Batch:
    """A train step's images, instance images first: latents (B, channels, h, w), prompts' numbers int64 (B,), where the
    loss counts more (B, 1, h, w), and the share that each image's loss has in the train step's, float32 (B,).
    """

    latents: torch.Tensor
    prompt: torch.Tensor
    weights: torch.Tensor | None
    share: torch.Tensor

    def pieces(self, images: int) -> Iterator["Batch"]:
        """The same batch, up to so many images at a time."""
        for start in range(0, len(self.latents), images):
            part = slice(start, start + images)
            weights = None if self.weights is None else self.weights[part]
            yield Batch(self.latents[part], self.prompt[part], weights, self.share[part])


class Batches:
    """All images of a lesson, on the device, and the order in which they come."""

    def __init__(self, lesson: Lesson, config: TrainConfig, device: torch.device) -> None:
        # Instance images; as many class images where there are any.
        self.size = config.train_batch_size * config.gradient_accumulation_steps
        self._config = config
        self._empty = lesson.empty_prompt
        self._counts = (len(lesson.instance_latents), len(lesson.class_latents))
        self._latents = torch.cat([lesson.instance_latents, lesson.class_latents]).to(device)
        self._prompt = torch.cat([lesson.instance_prompt, lesson.class_prompt])
        self._weights = _all_weights(lesson, device)
        shares = [1.0] * self.size + [config.prior_loss_weight] * (self.images - self.size)
        self._share = torch.tensor(shares, device=device) / self.size

    @property
    def images(self) -> int:
        """In a train step."""
        return self.size * (2 if self._counts[1] else 1)

    def take(self, step: int) -> Batch:
        """Of the train step with this number, from 0."""
        seed, (instances, others) = self._config.seed, self._counts
        picked = [_draw(instances, seed, INSTANCE, step, self.size)]
        if others:
            picked.append(instances + _draw(others, seed, CLASS, step, self.size))
        which = torch.from_numpy(np.concatenate(picked))
        there = which.to(self._latents.device)
        weights = None if self._weights is None else self._weights[there]
        return Batch(self._latents[there], self._prompts(which, step), weights, self._share)

    def _prompts(self, which: torch.Tensor, step: int) -> torch.Tensor:
        """Some instance images are shown without their prompt: Ho and Salimans, arXiv 2207.12598, section 3.2."""
        prompt = self._prompt[which]
        if self._empty is not None and self._config.caption_dropout:
            drawn = np.random.default_rng([self._config.seed, DROPOUT, step]).random(self.size)
            prompt[: self.size][torch.from_numpy(drawn < self._config.caption_dropout)] = self._empty
        return prompt


def _draw(count: int, seed: int, stream: int, step: int, size: int) -> np.ndarray:
    """Numbers of images, int64 (size,): every image comes once before any comes again."""
    places = range(step * size, (step + 1) * size)
    return np.array([_shuffled(count, seed, stream, place // count)[place % count] for place in places])


@lru_cache(maxsize=8)
def _shuffled(count: int, seed: int, stream: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, stream, epoch]).permutation(count)


def _all_weights(lesson: Lesson, device: torch.device) -> torch.Tensor | None:
    if lesson.instance_weights is None:
        return None
    everywhere_alike = torch.ones(len(lesson.class_latents), *lesson.instance_weights.shape[1:])
    return torch.cat([lesson.instance_weights, everywhere_alike]).to(device)
