"""Class images: what the base model draws of the class noun, to be kept as it is while the identifier is learnt.

They depend on no customer, not even on his seed, and are drawn once for all. Prior preservation: Ruiz et al.,
arXiv 2208.12242, section 3.3. Only their latents are kept; where they lie is not known here.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from gpu_worker.base_models.family import BaseModel
from gpu_worker.device import telling_out_of_memory
from gpu_worker.errors import BadWeights, OutOfMemory
from gpu_worker.stage import OnStep, SharedContent
from gpu_worker.train.config import TrainConfig

PIECE = 16  # class images drawn, kept and shared together: who is stopped loses no more
LATENTS = "latents"


def class_latents(
    base: BaseModel, base_hash: str, config: TrainConfig, shared: SharedContent | None, on_step: OnStep
) -> torch.Tensor:
    """Latents of the class images of these settings, float32 (num_class_images, channels, h, w), on the CPU.

    Image i shows class_prompts[i % len(class_prompts)]. They are looked for in `shared` piece by piece, by a hash of
    all that shapes them, and kept there; without it they are drawn each time.
    Raises BadWeights when the base model draws what is no number, OutOfMemory when not one image fits.
    """
    artist = _Artist(base, base_hash, config.num_class_images, on_step)
    latents = []
    for piece in _pieces(config, config.resolution or base.resolution):
        if shared is None:
            latents.append(artist.draw(piece))
            continue
        path = shared.once(artist.name(piece), partial(artist.write, piece), partial(artist.wait, piece))
        latents.append(load_file(path)[LATENTS])
    return torch.cat(latents)


@dataclass(frozen=True)
class _Piece:
    """Some class images of a set; the image with the number n is drawn with the seed n."""

    numbers: tuple[int, ...]
    prompts: tuple[str, ...]
    inference_steps: int
    guidance_scale: float
    side: int

    def halves(self) -> list["_Piece"]:
        middle = len(self.numbers) // 2
        parts = slice(0, middle), slice(middle, None)
        return [replace(self, numbers=self.numbers[part], prompts=self.prompts[part]) for part in parts]


def _pieces(config: TrainConfig, side: int) -> Iterator[_Piece]:
    prompts = [config.prompt(text) for text in config.class_prompts]
    for start in range(0, config.num_class_images, PIECE):
        numbers = tuple(range(start, min(start + PIECE, config.num_class_images)))
        shown = tuple(prompts[number % len(prompts)] for number in numbers)
        yield _Piece(numbers, shown, config.class_inference_steps, config.class_guidance_scale, side)


class _Artist:
    """Draws pieces of one set of `total` class images, telling how far it is."""

    def __init__(self, base: BaseModel, base_hash: str, total: int, on_step: OnStep) -> None:
        self._base, self._base_hash = base, base_hash
        self._pipe = base.pipe()
        self._total = total
        self._on_step = on_step

    def name(self, piece: _Piece) -> str:
        """A hash of all that shapes the piece's latents, and a suffix."""
        scheduler = self._pipe.scheduler
        sampler = {key: value for key, value in scheduler.config.items() if not key.startswith("_")}
        shaped_by = [self._base_hash, type(scheduler).__name__, sampler, asdict(piece)]
        told = json.dumps(shaped_by, sort_keys=True, default=str)
        return f"{hashlib.sha256(told.encode()).hexdigest()}.safetensors"

    def wait(self, piece: _Piece) -> None:
        """A step, too: whoever watches sees that nothing hangs, and may stop us."""
        done = piece.numbers[0]
        self._on_step(done / self._total, f"another job draws class images {done + 1}-{piece.numbers[-1] + 1}")

    def write(self, piece: _Piece, path: Path) -> None:
        save_file({LATENTS: self.draw(piece).contiguous()}, path)

    def draw(self, piece: _Piece) -> torch.Tensor:
        """In as many batches as the memory asks for."""
        try:
            return self._drawn(piece)
        except OutOfMemory:
            if len(piece.numbers) == 1:
                raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return torch.cat([self.draw(half) for half in piece.halves()])

    def _drawn(self, piece: _Piece) -> torch.Tensor:
        with telling_out_of_memory():
            drawn = self._pipe(
                prompt=list(piece.prompts),
                generator=[torch.Generator().manual_seed(number) for number in piece.numbers],
                num_inference_steps=piece.inference_steps,
                guidance_scale=piece.guidance_scale,
                height=piece.side,
                width=piece.side,
                output_type="latent",
                callback_on_step_end=partial(self._tell, piece),
            ).images
            latents = self._base.drawn_latents(drawn, piece.side, piece.side).float().cpu()
        if not torch.isfinite(latents).all():  # shared, it would spoil every customer's training
            raise BadWeights("the base model draws class images that are not numbers")
        return latents

    def _tell(self, piece: _Piece, _: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        done = piece.numbers[0] + len(piece.numbers) * (step + 1) / piece.inference_steps
        self._on_step(min(1.0, done / self._total), f"class image {round(done)}/{self._total}")
        return tensors
