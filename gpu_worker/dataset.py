"""What training looks at: instance images in variants, class images, and the latents of both.

No optimiser and no loss; photos were judged, cropped and matted by earlier stages.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from gpu_worker.base_models.family import BaseModel
from gpu_worker.images import read_rgb
from gpu_worker.stage import OnStep

ENCODE_BATCH = 8  # images the VAE takes at once: at 512 px this fits an 8 GB gpu
CLASS_BATCH = 16  # class images drawn at once
JITTER = 0.08  # share of the side by which a variant may be cropped tighter: framing is not the subject's


def instance_variants(
    preprocess: Path, matte: Path, side: int, *, count: int, background_probability: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each instance image `count` times in slightly different crops, uint8 (photos * count, side, side, 3).

    Beside them whether the background was replaced, bool (photos * count,).
    With `background_probability` a variant shows the cutout on a plain random colour, so that the identifier
    comes to mean the person and not the room; photos without a cutout keep their background.
    """
    rng = np.random.default_rng(seed)
    variants, plain = [], []
    for path in instance_paths(preprocess, matte):
        photo = Image.fromarray(read_rgb(path))
        cutout = _cutout(matte / "cutout" / path.name) if path.parent.name == "instance" else None
        for _ in range(count):
            replace = cutout is not None and rng.random() < background_probability
            source = _on_colour(cutout, rng) if cutout is not None and replace else photo
            variants.append(np.asarray(_jittered(source, side, rng)))
            plain.append(replace)
    return np.stack(variants), np.array(plain)


def instance_paths(preprocess: Path, matte: Path) -> list[Path]:
    """The instance images in order: the photos' own, then those made of few photos."""
    return [*sorted((preprocess / "instance").glob("*.png")), *sorted((matte / "made").glob("*.png"))]


def instance_photos(preprocess: Path, matte: Path, side: int) -> np.ndarray:
    """Every instance image once, whole, uint8 (photos, side, side, 3)."""
    paths = instance_paths(preprocess, matte)
    return np.stack([np.asarray(Image.fromarray(read_rgb(path)).resize((side, side))) for path in paths])


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def encode(base: BaseModel, images: np.ndarray, seed: int) -> torch.Tensor:
    """Latents of uint8 (N, H, W, 3), float32 (N, channels, h, w), on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    batches = torch.split(to_tensor(images), ENCODE_BATCH)
    return torch.cat([base.encode_images(batch, generator).cpu() for batch in batches])


def class_latents(
    base: BaseModel,
    base_hash: str,
    prompts: Sequence[str],
    *,
    count: int,
    inference_steps: int,
    guidance_scale: float,
    seed: int,
    shared: Path | None,
    on_step: OnStep,
) -> torch.Tensor:
    """Latents of `count` class images that the base model draws, float32 (count, channels, h, w), on the CPU.

    Image i shows prompts[i % len(prompts)]. They depend on no customer: with `shared`, a folder, they are
    drawn once and kept there by the hash of everything that shaped them.
    """
    shaped_by = [base_hash, *prompts, count, inference_steps, guidance_scale, seed]
    key = hashlib.sha256(json.dumps(shaped_by).encode()).hexdigest()[:32]
    kept = shared / f"class-images-{key}.safetensors" if shared else None
    if kept and kept.is_file():
        return load_file(kept)["latents"]
    pipe = base.pipe()
    batches = []
    for start in range(0, count, CLASS_BATCH):
        numbers = range(start, min(start + CLASS_BATCH, count))
        drawn = pipe(
            prompt=[prompts[number % len(prompts)] for number in numbers],
            generator=[torch.Generator().manual_seed(seed + number) for number in numbers],
            num_inference_steps=inference_steps,
            guidance_scale=guidance_scale,
            output_type="latent",
        ).images
        batches.append(drawn.float().cpu())
        on_step(numbers[-1] / count, f"class image {numbers[-1] + 1}/{count}")
    latents = torch.cat(batches)
    if kept:
        _keep(latents, kept)
    return latents


def _keep(latents: torch.Tensor, path: Path) -> None:
    """Whole or not at all: another process may look at the same moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{uuid4().hex}.partial")
    save_file({"latents": latents.contiguous()}, partial)
    partial.replace(path)


def _cutout(path: Path) -> Image.Image | None:
    if not path.is_file():
        return None
    with Image.open(path, formats=("PNG",)) as image:
        return image.convert("RGBA")


def _on_colour(cutout: Image.Image, rng: np.random.Generator) -> Image.Image:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    paper = Image.new("RGBA", cutout.size, (red, green, blue, 255))
    return Image.alpha_composite(paper, cutout).convert("RGB")


def _jittered(image: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    cut = image.width * rng.uniform(0, JITTER)
    left, top = rng.uniform(0, cut, 2)
    box = (left, top, left + image.width - cut, top + image.width - cut)
    return image.resize((side, side), Image.Resampling.LANCZOS, box=box)
