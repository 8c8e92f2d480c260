"""Image files: customers' photos read without trusting them, and our own PNGs written.

No faces, no tensors; what a photo shows is not decided here.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from gpu_worker.errors import BadPhotos

# Formats are told by content. MPO, which many phones write, opens through the JPEG decoder.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
MAX_BYTES = 25 * 1024 * 1024  # a 50 Mpx JPEG at high quality stays below this
MAX_PIXELS = 50_000_000  # phones make 12 to 50 Mpx; 150 MB once decoded
MAX_SIDE = 12_000  # px; longer ones are panoramas
MIN_SIDE = 200  # px; below this a face has too few pixels to learn from


def read_photo(path: Path, name: str) -> Image.Image:
    """Decode a customer's photo to upright 8-bit sRGB without metadata, mode "RGB".

    `name` is what the customer knows the photo by ("photo 3"). Raises BadPhotos with `unreadable_photo`,
    `photo_too_large` or `photo_too_small`.
    """
    if path.stat().st_size > MAX_BYTES:
        raise _too_large(name, f"more than {MAX_BYTES // 1024**2} MB")
    image = _open(path, name)
    _check_size(image, name)
    try:
        return _to_srgb(ImageOps.exif_transpose(image))
    except Exception as error:  # decoders raise almost anything on broken bytes
        raise _unreadable(name) from error


def write_png(pixels: np.ndarray, path: Path) -> None:
    """Write uint8 pixels, (H, W) as L, (H, W, 3) as RGB or (H, W, 4) as RGBA, with no metadata."""
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG")


def read_rgb(path: Path) -> np.ndarray:
    """One of our own PNGs as uint8 (H, W, 3)."""
    with Image.open(path, formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def _open(path: Path, name: str) -> Image.Image:
    """Read the header only: sizes are checked before any pixel is decoded."""
    from pillow_heif import register_heif_opener

    register_heif_opener()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, f"more than {MAX_PIXELS // 1_000_000} megapixels") from error
    except Exception as error:
        raise _unreadable(name) from error


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"more than {MAX_PIXELS // 1_000_000} megapixels")
    if max(image.size) > MAX_SIDE:
        raise _too_large(name, f"longer than {MAX_SIDE:,} pixels")
    if min(image.size) < MIN_SIDE:
        raise BadPhotos("photo_too_small", f"{name.capitalize()} has fewer than {MIN_SIDE} pixels on a side.")


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        converted = _through_profile(image, profile)
        if converted is not None:
            return _bare(converted)
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it to white
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return _bare(image.convert("RGB"))


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Colours as the camera meant them; None when the profile is broken, which spoils no photo."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted: Image.Image | None = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        return converted
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone: no EXIF, no profile, no text chunks come along."""
    return Image.fromarray(np.asarray(image))


def _unreadable(name: str) -> BadPhotos:
    return BadPhotos("unreadable_photo", f"{name.capitalize()} is not a whole JPEG, PNG, WebP or HEIC image.")


def _too_large(name: str, what: str) -> BadPhotos:
    return BadPhotos("photo_too_large", f"{name.capitalize()} is too large: {what}.")
