"""Reading photos without trusting them; hostile/ has many more of them."""

import io
import signal
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from pillow_heif import register_heif_opener

from gpu_worker.errors import BadPhotos
from gpu_worker.images import MAX_SIDE, read_photo, read_rgb, write_png

register_heif_opener()


def gradient(width: int = 320, height: int = 240) -> Image.Image:
    """Red grows to the right, green downwards: every orientation differs."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.dstack([x, y, np.full_like(x, 60)]).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refusal(path: Path, content: bytes) -> BadPhotos:
    path.write_bytes(content)
    with pytest.raises(BadPhotos) as caught:
        read_photo(path, "photo 3")
    assert caught.value.sentence.startswith("Photo 3 ")
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_each_format_is_told_by_content_not_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "001-holiday.txt"
    path.write_bytes(encoded(gradient(), kind))
    photo = read_photo(path, "photo 1")
    assert (photo.mode, photo.size) == ("RGB", (320, 240))
    assert np.abs(np.asarray(photo).astype(int) - np.asarray(gradient())).mean() < 6


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_refused(tmp_path: Path, kind: str) -> None:
    assert refusal(tmp_path / "a.jpg", encoded(gradient(), kind)).code == "unreadable_photo"


def test_orientation_is_applied_and_metadata_goes(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    exif[0x010F] = "a camera"
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(gradient(), "JPEG", exif=exif, comment=b"secret place"))
    photo = read_photo(path, "photo 1")
    assert photo.size == (240, 320)
    assert np.asarray(photo)[10, -10, 0] < 40 < np.asarray(photo)[-10, -10, 0]
    assert not photo.info
    assert not photo.getexif()


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_jpeg_of_other_modes_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(gradient().convert(mode), "JPEG"))
    assert read_photo(path, "photo 1").mode == "RGB"


def test_palette_and_transparency_become_rgb_on_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    clear = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    path.write_bytes(encoded(clear, "PNG"))
    assert np.asarray(read_photo(path, "photo 1")).min() == 255
    path.write_bytes(encoded(gradient().convert("P"), "PNG"))
    assert read_photo(path, "photo 1").mode == "RGB"


def test_sixteen_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    grey = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (256, 1))
    path.write_bytes(encoded(Image.fromarray(grey), "PNG"))
    assert np.asarray(read_photo(path, "photo 1"))[0, :, 0].tolist() == (grey[0] >> 8).tolist()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_truncated_photos_are_refused(tmp_path: Path, kind: str) -> None:
    whole = encoded(gradient(), kind)
    assert refusal(tmp_path / "a", whole[: len(whole) // 2]).code == "unreadable_photo"


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    assert refusal(tmp_path / "a.png", bomb + chunk(b"IEND", b"")).code == "photo_too_large"


def test_long_thin_and_tiny_photos_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a", encoded(gradient(MAX_SIDE + 1, 210), "PNG")).code == "photo_too_large"
    assert refusal(tmp_path / "b", encoded(gradient(1000, 100), "PNG")).code == "photo_too_small"


def test_huge_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.truncate(27_000_000)
    with pytest.raises(BadPhotos) as caught:
        read_photo(path, "photo 1")
    assert caught.value.code == "photo_too_large"


def test_half_a_photo_is_refused_whatever_this_process_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = encoded(gradient(), "JPEG")
    assert refusal(tmp_path / "a", whole[: len(whole) // 2]).code == "unreadable_photo"


def test_a_time_limit_is_not_blamed_on_the_photo(tmp_path: Path) -> None:
    class TooSlow(Exception):
        pass

    def strike(*_: object) -> None:
        raise TooSlow

    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.new("RGB", (6000, 5000)), "PNG", compress_level=1))
    before = signal.signal(signal.SIGALRM, strike)
    try:
        with pytest.raises(TooSlow):  # noqa: PT012  # the timer may strike before the call
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            read_photo(path, "photo 1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_png_round_trip(tmp_path: Path) -> None:
    pixels = np.asarray(gradient())
    write_png(pixels, tmp_path / "a.png")
    assert np.array_equal(read_rgb(tmp_path / "a.png"), pixels)
