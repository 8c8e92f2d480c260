"""JPEGs: turned, tagged, in odd colours, oddly coded, broken and endless.

Only how the files are made and what must come of them.
"""

from __future__ import annotations

import struct
from functools import partial

import numpy as np
from PIL import Image

from tests.gpu_worker.hostile import metadata, profiles
from tests.gpu_worker.hostile.case import Case, encoded, grey_scene, other_scene, refused, scene, stored, unlooked

EXIF, ICC, PHOTOSHOP, COMMENT, ADOBE = b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xfe", b"\xff\xee"
XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation='3'/></x:xmpmeta>"
FLAT = (200, 100, 30)


def jpeg(image: Image.Image | None = None, *segments: bytes, **options: object) -> bytes:
    """The scene, or `image`, with `segments` in front of the rest."""
    content = encoded(image or scene(), "JPEG", **{"quality": 90, "subsampling": 0, **options})
    return content[:2] + b"".join(segments) + content[2:]


def segment(marker: bytes, body: bytes) -> bytes:
    return marker + struct.pack(">H", len(body) + 2) + body


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new, 1)


def jpegs() -> list[Case]:
    return [*_turned(), *_tagged(), *_many(), *_coloured(), *_profiled(), *_coded(), *_broken(), *_endless()]


def _turned() -> list[Case]:
    whole = [Case(f"JPEG, orientation {n}", partial(jpeg, stored(n), exif=metadata.exif(n))) for n in range(1, 9)]
    odd = [
        Case(f"JPEG, EXIF: {name}", partial(jpeg, stored(means), segment(EXIF, body)))
        for name, (body, means) in metadata.ODD.items()
    ]
    return whole + odd


def _tagged() -> list[Case]:
    resources = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\xff\xff\xff\xff" + bytes(20)
    thumbnail = segment(EXIF, metadata.tiff(tail=jpeg(other_scene().resize((160, 120)))))
    many = [segment(EXIF, b"Exif\0\0" + bytes(50_000)) for _ in range(20)]
    return [
        Case("JPEG, XMP", partial(jpeg, None, segment(EXIF, XMP))),
        Case("JPEG, comment", partial(jpeg, None, segment(COMMENT, b"<?php system('id') ?>"))),
        Case("JPEG, Photoshop's resources cut", partial(jpeg, None, segment(PHOTOSHOP, resources))),
        Case("JPEG, FlashPix", partial(jpeg, None, segment(ICC, b"FPXR\0" + bytes(40)))),
        Case("JPEG, thumbnail of another scene", partial(jpeg, None, thumbnail)),
        Case("JPEG, Adobe's segment too short", partial(jpeg, None, segment(ADOBE, b"Adobe\0d"))),
        Case("JPEG, one megabyte of EXIF", partial(jpeg, None, *many)),
    ]


def _many() -> list[Case]:
    pair = partial(encoded, scene(), "MPO", save_all=True, append_images=[other_scene()], quality=90)
    index = b"MPF\0II*\0" + struct.pack("<L", 8)
    entries = struct.pack("<HHLLHHLL", 2, 0xB001, 4, 1, 0xFFFF, 0xB002, 7, 16)
    return [
        Case("MPO", pair),
        Case("MPO without its second photo", lambda: pair()[: len(pair()) // 2 + 3000]),
        Case("MPO, index empty", partial(jpeg, None, segment(ICC, b"MPF\0"))),
        Case("MPO, index cut", partial(jpeg, None, segment(ICC, index))),
        Case("MPO, index of noise", partial(jpeg, None, segment(ICC, b"MPF\0" + profiles.noise(200)))),
        Case("MPO, 65535 photos claimed", partial(jpeg, None, segment(ICC, index + entries))),
        Case("two JPEGs in a row", lambda: jpeg() + jpeg(other_scene())),
    ]


def _coloured() -> list[Case]:
    inks = scene().convert("CMYK")
    adobe = partial(jpeg, inks)
    unmarked = segment(ADOBE, b"Adobe\0d" + bytes(5))
    return [
        Case("JPEG, CMYK as Adobe stores it", adobe),
        Case("JPEG, CMYK without Adobe's mark", lambda: replaced(adobe(), unmarked, b"")),
        Case("JPEG, YCCK", _ycck),
        Case("JPEG, RGB stored as such", partial(jpeg, keep_rgb=True)),
        Case("JPEG, grey", partial(jpeg, scene().convert("L")), look=grey_scene),
        refused("JPEG, two channels", lambda: replaced(jpeg(), b"\x03\x01\x11\0", b"\x02\x01\x11\0")),
    ]


def _ycck() -> bytes:
    """CMYK of which the inks were turned into luma and chroma, as Photoshop writes it."""
    cyan, magenta, yellow, black = scene().convert("CMYK").split()
    luma = np.asarray(Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr"))
    channels = [Image.fromarray(255 - luma[:, :, n]) for n in range(3)]
    content = jpeg(Image.merge("CMYK", (*channels, black)))
    return replaced(content, b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\2")


def _blocks(order: str = "CMY") -> Image.Image:
    """Eight blocks, printed with the inks in `order` or without each: CMYK."""
    inks = np.zeros((240, 320, 4), np.uint8)
    for place in range(8):
        top, left = divmod(place, 4)
        block = inks[120 * top : 120 * top + 120, 80 * left : 80 * left + 80]
        for bit, ink in enumerate(order):
            block[:, :, "CMY".index(ink)] = 255 * (place >> bit & 1)
    return Image.fromarray(inks, "CMYK")


def _profiled() -> list[Case]:
    odd = {
        "sRGB": profiles.srgb(),
        "cut in half": profiles.srgb()[:300],
        "a press's": profiles.cmyk(),
        "Lab's": profiles.lab(),
        "grey's": profiles.linear_grey(),
        "noise": profiles.noise(),
        "one byte": b"x",
    }
    press, yellow_first = profiles.cmyk(), _blocks("YCM").convert("RGB")
    grey = profiles.linearised(scene().convert("L"))
    wrong_count = segment(ICC, b"ICC_PROFILE\0\1\7" + profiles.swapped())
    return [
        *(Case(f"JPEG, profile: {name}", partial(jpeg, icc_profile=body)) for name, body in odd.items()),
        Case(
            "JPEG, profile with channels swapped", partial(jpeg, profiles.swap(scene()), icc_profile=profiles.swapped())
        ),
        Case("JPEG, profile of 4 MB", lambda: jpeg(icc_profile=profiles.padded(4_000_000))),
        Case("JPEG, profile linear", _linear, tolerance=16),
        Case("JPEG, profile in pieces that are missing", partial(jpeg, None, wrong_count)),
        Case(
            "JPEG, CMYK with a press's profile", partial(jpeg, _blocks(), icc_profile=press), look=lambda: yellow_first
        ),
        Case("JPEG, CMYK with sRGB's profile", partial(jpeg, scene().convert("CMYK"), icc_profile=profiles.srgb())),
        Case(
            "JPEG, CMYK with a profile of noise", partial(jpeg, scene().convert("CMYK"), icc_profile=profiles.noise())
        ),
        Case(
            "JPEG, grey, linear profile",
            partial(jpeg, grey, icc_profile=profiles.linear_grey()),
            look=grey_scene,
            tolerance=16,
        ),
        Case(
            "JPEG, grey, linear RGB profile",
            partial(jpeg, grey, icc_profile=profiles.linear()),
            look=grey_scene,
            tolerance=16,
        ),
    ]


def _linear() -> bytes:
    return jpeg(profiles.linearised(scene()), icc_profile=profiles.linear())


def _coded() -> list[Case]:
    restarting = partial(jpeg, restart_marker_blocks=40)
    interval = segment(b"\xff\xdd", b"\0\x10")
    return [
        Case("JPEG, progressive", partial(jpeg, progressive=True)),
        Case("JPEG, progressive, CMYK", partial(jpeg, scene().convert("CMYK"), progressive=True)),
        Case("JPEG, optimized", partial(jpeg, optimize=True)),
        Case("JPEG, 4:2:0", partial(jpeg, subsampling=2)),
        Case("JPEG, 4:2:2", partial(jpeg, subsampling=1)),
        Case("JPEG, quality 1", partial(jpeg, quality=1), tolerance=80),
        Case("JPEG, restart markers", restarting),
        unlooked("JPEG, restart markers out of order", lambda: replaced(restarting(), b"\xff\xd1", b"\xff\xd6")),
        unlooked("JPEG, restart markers announced, none there", partial(jpeg, None, interval)),
        Case("JPEG, restart markers without announcement", partial(jpeg, None, segment(b"\xff\xdd", b"\0\0"))),
        Case("JPEG, padded between segments", partial(jpeg, None, b"\xff" * 500)),
        Case("JPEG, junk between segments", lambda: jpeg(None, segment(COMMENT, b"x") + bytes(500))),
        refused("JPEG without its end marker", lambda: jpeg()[:-2]),
        unlooked("JPEG, half of it and an end marker", lambda: jpeg()[: len(jpeg()) // 2] + b"\xff\xd9"),
        unlooked("JPEG, a hole in the scan", lambda: _holed(jpeg())),
        unlooked("JPEG marked as arithmetic coded", lambda: replaced(jpeg(), b"\xff\xc0", b"\xff\xc9")),
    ]


def _holed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(200) + content[middle + 200 :]


def _broken() -> list[Case]:
    def sized(width: int, height: int) -> bytes:
        size = struct.pack(">HH", 240, 320)
        return replaced(jpeg(), b"\x08" + size + b"\x03", b"\x08" + struct.pack(">HH", height, width) + b"\x03")

    return [
        refused("JPEG, 12 bits", lambda: replaced(jpeg(), b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c")),
        refused("JPEG marked as lossless", lambda: replaced(jpeg(), b"\xff\xc0", b"\xff\xc3")),
        refused("JPEG without a scan", lambda: jpeg()[: jpeg().index(b"\xff\xda")] + b"\xff\xd9"),
        refused("JPEG, two frame headers", lambda: _doubled(jpeg(), b"\xff\xc0", 19)),
        refused("JPEG, segment longer than the file", partial(jpeg, None, EXIF + b"\xff\xff"[:1] + b"\xff")),
        refused("JPEG, segment of length 0", lambda: jpeg()[:2] + EXIF + b"\0\0" + b"\xff\xd9"),
        refused("JPEG, 0 px wide", partial(sized, 0, 240)),
        refused("JPEG, 0 px high", partial(sized, 320, 0)),
        refused("JPEG, 65,000 px claimed", partial(sized, 65_000, 65_000), "photo_too_large"),
        unlooked("JPEG, 12,000 x 4,100 px claimed", partial(sized, 12_000, 4_100)),
    ]


def _doubled(content: bytes, start: bytes, length: int) -> bytes:
    at = content.index(start)
    return content[:at] + content[at : at + length] + content[at:]


def _flooded(scans: int) -> bytes:
    """The last scan again and again: each passes over the whole photo."""
    content = jpeg(Image.new("RGB", (1000, 1000), FLAT), progressive=True)
    return content[:-2] + content[content.rindex(b"\xff\xda") : -2] * scans + content[-2:]


def _flat(mode: str, **options: object) -> bytes:
    return jpeg(Image.new("RGB", (12_000, 4_166), FLAT).convert(mode), **options)


def _heavy() -> bytes:
    """As many bytes as an honest photo can have."""
    noise = np.random.default_rng(1).integers(0, 256, (2_300, 2_300, 3), np.uint8)
    return jpeg(Image.fromarray(noise), quality=100)


def _endless() -> list[Case]:
    flat = partial(Image.new, "RGB", (12_000, 4_166), FLAT)
    tiny = segment(EXIF, b"Exif\0\0" + bytes(8))
    turned = metadata.exif(6)
    worst = partial(_flat, "CMYK", progressive=True, exif=turned, icc_profile=profiles.cmyk())
    largest = partial(_flat, "RGB", progressive=True, exif=turned, icc_profile=profiles.srgb())
    upright = partial(Image.new, "RGB", (4_166, 12_000), FLAT)
    return [
        Case("JPEG, 60 more scans", partial(_flooded, 60), look=partial(Image.new, "RGB", (1000, 1000), FLAT)),
        refused("JPEG, 20,000 more scans", partial(_flooded, 20_000)),
        refused("JPEG, a million EXIF segments", lambda: jpeg(None, tiny * 1_000_000)),
        refused("JPEG, a million fill bytes", lambda: jpeg(None, b"\xff" * 1_000_000)),
        Case("JPEG of 20 MB", _heavy, look=None, slow=True),
        Case("JPEG, 50 Mpx", partial(_flat, "RGB"), look=flat, slow=True),
        Case("JPEG, 50 Mpx, progressive, turned, with a profile", largest, look=upright, slow=True),
        Case("JPEG, 50 Mpx, progressive CMYK, turned, with a profile", worst, look=None, slow=True),
    ]
