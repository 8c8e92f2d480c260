"""EXIF in all its states, as bytes: whole, odd and broken.

No file format around it: the formats' own modules put it in.
"""

from __future__ import annotations

import struct

from PIL import ExifTags, Image

ORIENTATION = 0x0112
SHORT, LONG, ASCII, BYTES = 3, 4, 2, 7


def exif(orientation: int | None = None, **tags: str) -> bytes:
    """A camera's EXIF: with GPS, maker and a note; `Exif\\0\\0` in front."""
    made = Image.Exif()
    made[ExifTags.Base.Make] = "a camera"
    made[ExifTags.Base.ImageDescription] = "<script>alert(1)</script>"
    if orientation is not None:
        made[ORIENTATION] = orientation
    gps = made.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = bytes(range(256)) * 4
    return made.tobytes()


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    """A tag of a directory; `value` is its four bytes, or the offset of more."""
    return struct.pack("<HHL", tag, kind, count) + value.ljust(4, b"\0")


def turned_by(orientation: int) -> bytes:
    return entry(ORIENTATION, SHORT, 1, struct.pack("<H", orientation))


def tiff(*entries: bytes, following: int = 0, claimed: int | None = None, tail: bytes = b"") -> bytes:
    """One directory; `claimed` entries if that is not how many there are."""
    count = len(entries) if claimed is None else claimed
    directory = struct.pack("<H", count) + b"".join(entries) + struct.pack("<L", following)
    return b"Exif\0\0II*\0" + struct.pack("<L", 8) + directory + tail


def _overlapping() -> bytes:
    """Thousands of tags that all point at the same 30 KB: a reader that keeps each takes gigabytes."""
    tags = [entry(0x8000 + n, BYTES, 30_000, struct.pack("<L", 8)) for n in range(2700)]
    return tiff(*tags, tail=bytes(30_000))


# name → (EXIF, the orientation that a reader has to follow)
ODD: dict[str, tuple[bytes, int]] = {
    "orientation 0": (tiff(turned_by(0)), 1),
    "orientation 9": (tiff(turned_by(9)), 1),
    "orientation 65535": (tiff(turned_by(65535)), 1),
    "orientation as text": (tiff(entry(ORIENTATION, ASCII, 2, b"6\0")), 1),
    "orientation as long": (tiff(entry(ORIENTATION, LONG, 1, struct.pack("<L", 6))), 6),
    "two orientations in one tag": (tiff(entry(ORIENTATION, SHORT, 2, struct.pack("<HH", 6, 3))), 6),
    "orientation twice": (tiff(turned_by(6), turned_by(3)), 6),
    "orientation of no type": (tiff(entry(ORIENTATION, 99, 1, b"\6")), 1),
    "next directory is this one": (tiff(turned_by(6), following=8), 6),
    "sub-directory is this one": (tiff(turned_by(6), entry(0x8769, LONG, 1, struct.pack("<L", 8))), 6),
    "GPS far outside": (tiff(turned_by(6), entry(0x8825, LONG, 1, b"\xff" * 4)), 6),
    "value far outside": (tiff(turned_by(6), entry(0x010F, ASCII, 1000, b"\xff\xff\xff\x7f")), 6),
    "65535 entries claimed": (tiff(turned_by(6), claimed=65535), 6),
    "cut inside the directory": (tiff(turned_by(6), turned_by(6))[:30], 6),
    "cut inside the header": (b"Exif\0\0II*", 1),
    "empty": (b"Exif\0\0", 1),
    "no TIFF": (b"Exif\0\0" + bytes(range(200)), 1),
    "directory far outside": (b"Exif\0\0II*\0\xff\xff\xff\x7f", 1),
    "marked twice": (b"Exif\0\0" + tiff(turned_by(6)), 6),
    "big endian by name alone": (b"Exif\0\0MM\0*" + tiff(turned_by(6))[10:], 1),
    "overlapping values": (_overlapping(), 1),
}
