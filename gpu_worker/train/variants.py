"""What training looks at of each photo: slightly different crops, some on a plain colour, each with its alpha.

Nothing is encoded here; photos were judged, squared and matted by earlier stages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.images import read_rgb
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.loss_weights import dilated

Box = tuple[float, float, float, float]  # left, top, right, bottom, px


@dataclass(frozen=True)
class Variant:
    """One view of instance image number `photo`, sRGB, uint8 (side, side, 3).

    `plain`: its background is one colour instead of the photo's own. `alpha`, uint8 (side, side): the subject's share
    of each pixel, dilated; None for photos without a matte, and when nothing weighs by it.
    """

    photo: int
    pixels: NDArray[np.uint8]
    plain: bool
    alpha: NDArray[np.uint8] | None


@dataclass(frozen=True)
class _Photo:
    image: Image.Image  # RGB
    cutout: Image.Image | None  # RGBA
    alpha: Image.Image | None  # L, dilated


def draw_variants(preprocess: Path, matte: Path, side: int, config: TrainConfig) -> Iterator[Variant]:
    """Each instance image `variants_per_photo` times, drawn when asked for: a whole set may not fit into memory.

    With `background_probability` a variant shows the cutout on a plain random colour, so that the identifier
    comes to mean the person and not the room; photos without a cutout keep their background. The same photos and
    settings give the same variants.
    """
    rng = np.random.default_rng(config.seed)
    for number, path in enumerate(instance_paths(preprocess, matte)):
        photo = _open(path, matte, config)
        for _ in range(config.variants_per_photo):
            yield _vary(photo, number, side, config, rng)


def instance_paths(preprocess: Path, matte: Path) -> list[Path]:
    """The instance images in order: the photos' own, then those made of few photos."""
    return [*sorted((preprocess / "instance").glob("*.png")), *sorted((matte / "made").glob("*.png"))]


def photo_count(preprocess: Path) -> int:
    """Photos that are learnt from, however many instance images the stages before made of each."""
    return sum(path.stem.isdigit() for path in (preprocess / "instance").glob("*.png"))


def instance_photos(preprocess: Path, matte: Path, side: int) -> NDArray[np.uint8]:
    """Every instance image once, whole, uint8 (photos, side, side, 3)."""
    paths = instance_paths(preprocess, matte)
    return np.stack([np.asarray(Image.fromarray(read_rgb(path)).resize((side, side))) for path in paths])


def _open(path: Path, matte: Path, config: TrainConfig) -> _Photo:
    """A made photo has an alpha but no cutout: its background was replaced when it was made."""
    made = path.parent.name == "made"
    cutout = None if made else _read(matte / "cutout" / path.name, "RGBA")
    alpha = cutout.getchannel("A") if cutout else _read(path.parent / "alpha" / path.name, "L") if made else None
    if alpha is not None:
        # Whole photos are dilated once: within a crop, what lies just beyond its border would be missed.
        alpha = dilated(alpha, config.alpha_dilation) if config.background_loss_weight < 1 else None
    return _Photo(Image.fromarray(read_rgb(path)), cutout, alpha)


def _read(path: Path, mode: str) -> Image.Image | None:
    if not path.is_file():
        return None
    with Image.open(path, formats=("PNG",)) as image:
        return image.convert(mode)


def _vary(photo: _Photo, number: int, side: int, config: TrainConfig, rng: np.random.Generator) -> Variant:
    image, plain = _background(photo, config, rng)
    box = _jitter(image.width, config.crop_jitter, rng)
    mirrored = config.random_flip and rng.random() < 0.5
    pixels = _cropped(image, box, side, mirrored, Image.Resampling.LANCZOS)
    # A filter that never overshoots: a larger alpha stays larger.
    smooth = Image.Resampling.BILINEAR
    alpha = None if photo.alpha is None else _cropped(photo.alpha, box, side, mirrored, smooth)
    return Variant(number, pixels, plain, alpha)


def _background(photo: _Photo, config: TrainConfig, rng: np.random.Generator) -> tuple[Image.Image, bool]:
    """The photo or its cutout on a colour, and whether that changed the background."""
    if photo.cutout is None or rng.random() >= config.background_probability:
        return photo.image, False
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    paper = Image.new("RGBA", photo.cutout.size, (red, green, blue, 255))
    covered = photo.cutout.getchannel("A").getextrema() == (255, 255)  # the matting saw nobody and kept all
    return Image.alpha_composite(paper, photo.cutout).convert("RGB"), not covered


def _jitter(side: int, share: float, rng: np.random.Generator) -> Box:
    """Framing is not the subject's: a square up to `share` of the side smaller, anywhere."""
    cut = side * rng.uniform(0, share)
    left, top = rng.uniform(0, cut, 2)
    return left, top, left + side - cut, top + side - cut


def _cropped(
    image: Image.Image, box: Box, side: int, mirrored: bool, resampling: Image.Resampling
) -> NDArray[np.uint8]:
    crop = image.resize((side, side), resampling, box=box)
    return np.asarray(crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else crop)
