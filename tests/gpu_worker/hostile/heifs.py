"""HEICs: turned by the container and by EXIF, tiled, deep, transparent, with lying sizes and endless grids.

Only how the files are made and what must come of them.
"""

from __future__ import annotations

from functools import cache, partial

from PIL import Image

from tests.gpu_worker.hostile import metadata, profiles
from tests.gpu_worker.hostile.case import Case, encoded, grey_scene, other_scene, refused, scene, stored, unlooked
from tests.gpu_worker.hostile.heif_boxes import GRID, Grid, ispe, part_of

GREEN = (10, 200, 100)


@cache
def heic() -> bytes:
    return encoded(scene(), "HEIF", quality=90)


@cache
def tile() -> bytes:
    """256 x 256 px of one colour."""
    return encoded(Image.new("RGB", (256, 256), GREEN), "HEIF")


def heifs() -> list[Case]:
    return [*_turned(), *_coloured(), *_broken(), *_grids()]


def _turned() -> list[Case]:
    whole = [
        Case(f"HEIC, orientation {n}", partial(encoded, stored(n), "HEIF", quality=90, exif=metadata.exif(n)))
        for n in range(1, 9)
    ]
    odd = ("cut inside the header", "no TIFF", "next directory is this one", "overlapping values")
    bodies = {name: metadata.ODD[name][0].replace(metadata.turned_by(6), metadata.turned_by(1)) for name in odd}
    return [
        *whole,
        Case("HEIC, orientation in EXIF alone", _exif_alone),
        *(Case(f"HEIC, EXIF: {name}", partial(encoded, scene(), "HEIF", exif=body)) for name, body in bodies.items()),
    ]


def _exif_alone() -> bytes:
    """The container turns nothing, and only it has a say."""
    content = encoded(scene(), "HEIF", quality=90, exif=metadata.tiff(metadata.turned_by(1)))
    assert metadata.turned_by(1) in content
    return content.replace(metadata.turned_by(1), metadata.turned_by(6))


def _coloured() -> list[Case]:
    clear = scene().convert("RGBA")
    clear.putalpha(128)
    on_white = Image.blend(Image.new("RGB", (320, 240), "white"), scene(), 128 / 255)
    saved = partial(encoded, kind="HEIF", quality=90)
    swapped = partial(saved, profiles.swap(scene()), icc_profile=profiles.swapped())
    pair = partial(saved, scene(), save_all=True, append_images=[other_scene()])
    return [
        Case("HEIC", heic),
        Case("HEIC, tiled", partial(saved, scene(), tile_size=128)),
        Case("HEIC, tiled and turned", partial(saved, stored(8), tile_size=128, exif=metadata.exif(8))),
        Case("HEIC, half transparent", partial(saved, clear), look=lambda: on_white),
        Case("HEIC, half transparent, premultiplied", partial(saved, clear.convert("RGBa")), look=lambda: on_white),
        Case("HEIC, grey", partial(saved, scene().convert("L")), look=grey_scene),
        Case("HEIC, 4:4:4", partial(saved, scene(), chroma=444)),
        Case("HEIC, profile with channels swapped", swapped, tolerance=20),
        Case("HEIC, profile of noise", partial(saved, scene(), icc_profile=profiles.noise())),
        Case("HEIC, two photos", pair),
        Case("HEIC, two photos, the second first", partial(pair, primary_index=1), look=other_scene),
        Case("HEIC, thumbnail", partial(saved, scene(), thumbnails=[64])),
        Case("HEIC, XMP", partial(saved, scene(), xmp=b"<x:xmpmeta>")),
        Case("HEIC, bytes after the end", lambda: heic() + b"<script>" * 100),
    ]


def _claiming(width: int, height: int) -> bytes:
    return heic().replace(part_of(heic(), b"ispe"), ispe(width, height))


def _broken() -> list[Case]:
    def branded(brand: bytes) -> bytes:
        return heic().replace(b"ftypheic", b"ftyp" + brand, 1)

    return [
        refused("HEIC, smaller than it claims", partial(_claiming, 9_000, 5_000)),
        refused("HEIC, larger than it claims", partial(_claiming, 210, 210)),
        refused("HEIC, 0 px wide", partial(_claiming, 0, 240)),
        refused("HEIC, 30,000 px claimed", partial(_claiming, 30_000, 30_000), "photo_too_large"),
        refused("HEIC, 200,000 px claimed", partial(_claiming, 200_000, 200_000), "photo_too_large"),
        refused("HEIC, 4 billion px claimed", partial(_claiming, 2**32 - 1, 2**32 - 1)),
        refused("HEIC by the name of AVIF", partial(branded, b"avif")),
        refused("HEIC by the name of MP4", partial(branded, b"isom")),
        refused("HEIC without its pixels", lambda: heic()[: heic().index(b"mdat") + 4]),
        unlooked("HEIC, pixels of noise", lambda: heic()[:-900] + profiles.noise(900)),
        refused("HEIC without decoder's settings", lambda: heic().replace(b"hvcC", b"free", 1)),
        refused("HEIC, box longer than the file", lambda: heic().replace(b"\0\0\0\x14ispe", b"\x7f\xff\xff\x14ispe")),
        refused("HEIC, box of length 0", lambda: heic().replace(b"\0\0\0\x14ispe", b"\0\0\0\0ispe")),
        refused("HEIC, primary item missing", lambda: heic().replace(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\x09")),
    ]


def _grids() -> list[Case]:
    def grid(rows: int, columns: int, width: int, height: int, *shows: int) -> bytes:
        return Grid(tile(), 256, rows, columns, width, height, shows).build()

    green = partial(Image.new, "RGB", (500, 500), GREEN)
    large = partial(Image.new, "RGB", (12_000, 4_096), GREEN)
    return [
        Case("HEIC, grid of one tile", partial(grid, 2, 2, 500, 500), look=green),
        unlooked("HEIC, grid of itself", partial(grid, 1, 1, 256, 256, GRID)),
        unlooked("HEIC, grid of nothing", partial(grid, 2, 2, 500, 500, 9, 9, 9, 9)),
        unlooked("HEIC, grid with too few tiles", partial(grid, 2, 2, 500, 500, 2, 2)),
        refused("HEIC, grid larger than its tiles", partial(grid, 1, 1, 4_000, 4_000)),
        refused("HEIC, grid of 65,000 px", partial(grid, 255, 255, 65_000, 65_000)),
        refused("HEIC, 65,025 tiles for 500 px", partial(grid, 255, 255, 500, 500)),
        Case("HEIC, 49 Mpx of one tile", partial(grid, 16, 47, 12_000, 4_096), look=large, slow=True),
    ]
