"""Image files: customers' photos read without trusting them, and our own PNGs written.

No faces, no tensors; what a photo shows is not decided here.
"""

import io
import re
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile
from PIL.PngImagePlugin import PngInfo

from gpu_worker.errors import BadPhotos

# Formats are told by content. MPO, which many phones write, opens through the JPEG decoder.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
MAX_BYTES = 25 * 1024 * 1024  # a 50 Mpx JPEG at high quality stays below this
MAX_PIXELS = 50_000_000  # phones make 12 to 50 Mpx; 200 MB as Pillow holds them
MAX_SIDE = 12_000  # px; longer ones are panoramas
MIN_SIDE = 200  # px; below this a face has too few pixels to learn from
QUICK = 1  # of zlib's levels: a fifth larger than the usual 6, in a fifth of the time

# Each scan of a progressive JPEG passes over the whole photo, and a few bytes make one. Encoders write about ten.
MAX_SCANS = 100
SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
# Headers are walked in Python, those of JPEG at a price that grows with the square of their segments.
MAX_READS = 100_000  # a PNG of 25 MB in chunks of 1 KB stays below this
MAX_JPEG_READS = 4_000  # four for a segment, one for 64 KB of the scans; photos take some hundreds

# What decoders raise on broken bytes. Not Exception as a whole: memory that ran out and a time limit that struck
# meanwhile say nothing about the photo.
BROKEN = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, OSError, RuntimeError),
    *(SyntaxError, SystemError, TypeError, ValueError, struct.error, zlib.error, ImageCms.PyCMSError),
)

# EXIF's orientation → what makes the photo upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_photo(path: Path, name: str) -> Image.Image:
    """Decode a customer's photo to upright 8-bit sRGB without metadata, mode "RGB".

    Transparent parts become white; of several frames the first counts. Takes less than 1 GiB of memory, and raises
    MemoryError where there is none. `name` is what the customer knows the photo by ("photo 3"). Raises BadPhotos
    with `unreadable_photo`, `photo_too_large` or `photo_too_small`.
    """
    image = decoded(path, name)
    plain = image.copy()
    plain.info = {}
    return plain


def decoded(path: Path, name: str) -> Image.Image:
    """read_photo() for who wants the pixels only: what the file says of itself may still hang on the image."""
    if path.stat().st_size > MAX_BYTES:
        raise _too_large(name, f"more than {MAX_BYTES // 1024**2} MB")
    content = path.read_bytes()
    try:
        with _quiet:
            return _decoded(content, name)
    except Image.DecompressionBombError as error:
        raise _too_large(name, f"more than {MAX_PIXELS // 1_000_000} megapixels") from error
    except BROKEN as error:
        raise _unreadable(name) from error


def write_png(pixels: np.ndarray, file: Path | BinaryIO, metadata: PngInfo | None = None) -> None:
    """Write uint8 pixels, (H, W) as L, (H, W, 3) as RGB or (H, W, 4) as RGBA, with `metadata` only."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.save(file, format="PNG", compress_level=QUICK, pnginfo=metadata)


def read_rgb(path: Path) -> np.ndarray:
    """One of our own PNGs as uint8 (H, W, 3)."""
    with Image.open(path, formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


class _Quiet:
    """No warnings while anybody decodes: filters belong to the process, so the first thread in keeps those that were
    there and the last one out brings them back."""

    def __init__(self) -> None:
        self._lock, self._inside, self._kept = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._kept = warnings.catch_warnings()
                self._kept.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._kept.__exit__(None, None, None)


_quiet = _Quiet()


class _Bounded(io.BytesIO):
    """Content that can be read in so many pieces and no more."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._left = MAX_JPEG_READS if content.startswith(b"\xff\xd8") else MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many pieces")
        return super().read(size)


def _decoded(content: bytes, name: str) -> Image.Image:
    """Every step's image goes when the next has made its own: 50 Mpx take 200 MB each time."""
    image: Image.Image = _open(content, name)
    profile, turn = image.info.get("icc_profile"), _turn(image)
    image = _opaque(image)
    image = _to_srgb(image, profile)
    return image if turn is None else image.transpose(turn)


def _open(content: bytes, name: str) -> Image.Image:
    """Sizes are checked on the header, before any pixel is decoded."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # half a photo is none, whatever a library of this process asked for
    image = Image.open(_Bounded(content), formats=FORMATS)
    _check_size(image, name)
    if image.format in ("JPEG", "MPO") and sum(1 for _ in SCAN.finditer(content)) > MAX_SCANS:
        raise ValueError("too many scans")
    if image.format == "HEIF":
        _check_boxes(content)
    image.load()
    return image


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"more than {MAX_PIXELS // 1_000_000} megapixels")
    if max(image.size) > MAX_SIDE:
        raise _too_large(name, f"longer than {MAX_SIDE:,} pixels")
    if min(image.size) < MIN_SIDE:
        raise BadPhotos("photo_too_small", f"{name.capitalize()} has fewer than {MIN_SIDE} pixels on a side.")


def _check_boxes(content: bytes) -> None:
    """A HEIC that was cut is told by its boxes' sizes: tiles that are missing, libheif leaves blank."""
    at = 0
    while at + 16 <= len(content):
        size, name, long = struct.unpack_from(">L4sQ", content, at)
        size = long if size == 1 else size
        if name in (b"meta", b"mdat") and at + size > len(content):
            raise ValueError("cut")
        if size < 8:  # 0: up to the end
            return
        at += size


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What EXIF asks for. HEIF has its own way to say it, already followed; broken EXIF spoils no photo."""
    if image.format == "HEIF":
        return None
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except BROKEN:
        return None


def _opaque(image: Image.Image) -> Image.Image:
    """L, RGB or CMYK: what is transparent shows white paper."""
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it to white
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        if image.mode not in ("LA", "RGBA"):
            image = image.convert("RGBA")
        paper = Image.new("L" if image.mode == "LA" else "RGB", image.size, "white")
        paper.paste(image, mask=image)
        return paper
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours as the camera meant them; a profile that is broken, or another mode's, spoils no photo."""
    if not profile:
        return image if image.mode == "RGB" else image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "L" and source.profile.xcolor_space == "RGB ":
            image = image.convert("RGB")
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        assert converted is not None
        return converted
    except BROKEN:
        return image.convert("RGB")


def _unreadable(name: str) -> BadPhotos:
    return BadPhotos("unreadable_photo", f"{name.capitalize()} is not a whole JPEG, PNG, WebP or HEIC image.")


def _too_large(name: str, what: str) -> BadPhotos:
    return BadPhotos("photo_too_large", f"{name.capitalize()} is too large: {what}.")
