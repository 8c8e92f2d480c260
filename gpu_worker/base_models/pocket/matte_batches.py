"""What pocket's matte network learns from: drawn people with their exact alphas, before backgrounds of all kinds.

Backgrounds are drawn scenes, parts of CC0 photographs, plain colours, gradients and noise. No network here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from gpu_worker.base_models.pocket.drawings import held_out, shrink
from gpu_worker.base_models.pocket.people import shards
from gpu_worker.base_models.pocket.people.scenes import SCENES, scene
from gpu_worker.matting.pocket_network import SIDE

BATCH = 16
BACKGROUNDS = 1200  # painted once; mirrored and lit anew each time they are used
PHOTOGRAPHS = ("chelsea", "rocket", "hubble_deep_field", "grass", "brick")  # CC0 or NASA's; tests use others
OWN_SCENE = 0.25  # share of people who keep the scene they were drawn in: its rims are exact to the last bit
REACH = 9  # px around a soft pixel in which its own colour is looked for


@dataclass(frozen=True)
class People:
    """`images` uint8 (N, 3, 128, 128), `alphas` uint8 (N, 1, 128, 128)."""

    images: torch.Tensor
    alphas: torch.Tensor


def read_people(folder: Path) -> tuple[People, People]:
    """The shards' people to learn from and, apart, those who are kept for judging. Raises ValueError on none."""
    images, alphas, kept = [], [], []
    for path, rows in shards.read(folder):
        with np.load(path) as arrays:
            images.append(shrink(arrays["images"], SIDE))
            alphas.append(shrink(arrays["alphas"][..., None], SIDE))
        kept += [held_out(str(row["person"])) for row in rows]
    if not kept:
        raise ValueError(f"no drawings in {folder}")
    every, those, apart = torch.cat(images), torch.cat(alphas), torch.tensor(kept)
    return People(every[~apart], those[~apart]), People(every[apart], those[apart])


def paint_backgrounds(count: int, seed: int) -> torch.Tensor:
    """`count` backgrounds without anybody, uint8 (count, 3, 128, 128): two in five are drawn scenes."""
    from skimage import data

    rng = np.random.default_rng([29, seed])
    photographs = [getattr(data, name)() for name in PHOTOGRAPHS]
    names = list(SCENES)
    painters: list[Callable[[], np.ndarray]] = [
        lambda: scene(names[int(rng.integers(len(names)))], SIDE, rng) * 255,
        lambda: scene(names[int(rng.integers(len(names)))], SIDE, rng) * 255,
        lambda: part_of(photographs[int(rng.integers(len(photographs)))], SIDE, rng),
        lambda: _gradient(rng),
        lambda: _noise(rng),
    ]
    painted = np.stack([painters[number % len(painters)]() for number in range(count)])
    return torch.from_numpy(np.clip(painted, 0, 255).astype(np.uint8)).permute(0, 3, 1, 2).contiguous()


def part_of(photograph: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A random square of a photograph, uint8 (H, W) or (H, W, 3), out of focus more or less: uint8 (side, side, 3)."""
    shortest = min(photograph.shape[:2])
    cut = int(rng.integers(min(150, shortest), shortest + 1))
    top, left = (int(rng.integers(length - cut + 1)) for length in photograph.shape[:2])
    square = photograph[top : top + cut, left : left + cut]
    square = square if square.ndim == 3 else np.repeat(square[:, :, None], 3, axis=2)
    square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if cut > side else cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(square, (0, 0), side * rng.uniform(0.002, 0.012)))


def composites(
    people: People, backgrounds: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """BATCH photos, float (N, 3, 128, 128) in [-1, 1], and their alphas, float (N, 1, 128, 128) in [0, 1]."""
    chosen = torch.randint(0, len(people.images), (BATCH,), generator=generator)
    drawn, alphas = people.images[chosen].float() / 255, people.alphas[chosen].float() / 255
    layers = move(torch.cat([drawn, own_colours(drawn, alphas), alphas], dim=1), generator)
    drawn, fronts, alphas = layers[:, :3], light(layers[:, 3:6], generator), layers[:, 6:]
    behind = backgrounds[torch.randint(0, len(backgrounds), (BATCH,), generator=generator)].float() / 255
    behind = light(torch.where(_chance(generator) < 0.5, behind.flip(3), behind), generator)
    placed = fronts * alphas + behind * (1 - alphas)
    photos = torch.where(_chance(generator) < OWN_SCENE, light(drawn, generator), placed)
    photos, alphas = defocus(photos, alphas, generator)
    return through_camera(photos, generator) * 2 - 1, alphas


def own_colours(images: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """The person's colours also on soft pixels: the mean of the opaque ones around, where there are any."""
    opaque = (alphas > 0.98).float()
    known = torch.cat([images * opaque, opaque], dim=1)
    for window in ((REACH, 1), (1, REACH)):
        known = functional.avg_pool2d(known, window, stride=1, padding=(window[0] // 2, window[1] // 2))
    weight = known[:, 3:]
    spread = torch.where(weight > 0.01, known[:, :3] / weight.clamp(min=0.01), images)
    return torch.lerp(spread, images, opaque)


def move(layers: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Half of them mirrored, two thirds scaled by 0.8 to 1.4 and shifted; edges go on outwards."""
    count = len(layers)
    layers = torch.where(_chance(generator) < 0.5, layers.flip(3), layers)
    shrink = 1 / _chance(generator, 0.8, 1.4).flatten()
    moves = torch.zeros(count, 2, 3)
    moves[:, 0, 0] = moves[:, 1, 1] = shrink
    moves[:, :, 2] = (torch.rand(count, 2, generator=generator) * 2 - 1) * (0.1 + (1 - shrink[:, None]).clamp(min=0))
    grid = functional.affine_grid(moves, [count, layers.shape[1], SIDE, SIDE], align_corners=False)
    moved = functional.grid_sample(layers, grid, padding_mode="border", align_corners=False)
    return torch.where(_chance(generator) < 1 / 3, layers, moved)


def light(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Brighter or darker, flatter or harder, tinted; float in [0, 1] in and out."""
    gain = _chance(generator, 0.7, 1.25) * _chance(generator, 0.92, 1.08, channels=3)
    lit: torch.Tensor = (images * gain).clamp(1e-3, 1).pow(_chance(generator, 0.75, 1.35))
    return lit


def defocus(
    photos: torch.Tensor, alphas: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blur a photo and its alpha alike: out of focus, a rim is soft in truth."""
    share = (_chance(generator) * 2 - 1).clamp(min=0)
    both = torch.cat([photos, alphas], dim=1)
    soft = functional.avg_pool2d(both, 3, stride=1, padding=1, count_include_pad=False)
    both = torch.lerp(both, soft, share)
    return both[:, :3], both[:, 3:]


def through_camera(photos: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A sensor's noise and, by chance, JPEG's blocks; float (N, 3, H, W) in [0, 1] in and out."""
    noise = torch.randn(photos.shape, generator=generator) * _chance(generator, 0, 0.03)
    pixels = ((photos + noise).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    qualities = torch.randint(30, 180, (len(photos),), generator=generator).tolist()
    kept = [_jpeg(photo, quality) if quality < 96 else photo for photo, quality in zip(pixels, qualities, strict=True)]
    return torch.from_numpy(np.stack(kept)).permute(0, 3, 1, 2).float() / 255


def _jpeg(photo: np.ndarray, quality: int) -> np.ndarray:
    _, file = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR))


def _chance(generator: torch.Generator, low: float = 0.0, high: float = 1.0, channels: int = 1) -> torch.Tensor:
    """One number for each of the batch, float (BATCH, channels, 1, 1)."""
    return low + (high - low) * torch.rand(BATCH, channels, 1, 1, generator=generator)


def _gradient(rng: np.random.Generator) -> np.ndarray:
    """Two colours, equal once in three, with a straight way from one to the other."""
    first, second = rng.uniform(0, 255, (2, 3))
    second = first if rng.random() < 1 / 3 else second
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    angle = rng.uniform(0, 2 * np.pi)
    way = np.clip((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5, 0, 1)[..., None]
    return np.asarray(first + (second - first) * way)


def _noise(rng: np.random.Generator) -> np.ndarray:
    """Coloured spots, from a few large ones to a carpet of small ones."""
    cells = int(2 ** rng.uniform(1, 6))
    spots = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
    return np.asarray(cv2.resize(spots, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
