"""PNGs stuffed with text, broken in every part, and far larger than they look.

Only how the files are made and what must come of them.
"""

from __future__ import annotations

import zlib
from functools import partial

import numpy as np
from PIL import Image

from tests.gpu_worker.hostile import metadata
from tests.gpu_worker.hostile.case import Case, refused, unlooked
from tests.gpu_worker.hostile.pngs import CHANNELS, GREY, MAGIC, PALETTE, RGB, RGBA, chunk, header, packed, with_chunks


def broken_pngs() -> list[Case]:
    return [*_texts(), *_broken(), *_large()]


def _texts() -> list[Case]:
    def many() -> bytes:
        return with_chunks(*(chunk(b"zTXt", b"a%d\0\0" % n + packed(1)) for n in range(100)))

    return [
        Case("PNG, plain text of 10 MB", lambda: with_chunks(chunk(b"tEXt", b"a\0" + bytes(10_000_000)))),
        refused("PNG, zTXt of 100 MB", lambda: with_chunks(chunk(b"zTXt", b"a\0\0" + packed(100)))),
        refused("PNG, iTXt of 100 MB", lambda: with_chunks(chunk(b"iTXt", b"a\0\1\0\0\0" + packed(100)))),
        refused("PNG, 100 texts of 1 MB", many),
        refused("PNG, text of 100 MB behind the pixels", lambda: _before_end(chunk(b"zTXt", b"a\0\0" + packed(100)))),
        refused("PNG, a million chunks", lambda: with_chunks(chunk(b"prVt") * 1_000_000)),
        Case("PNG, text that is not compressed", partial(with_chunks, chunk(b"zTXt", b"a\0\0nonsense"))),
        Case(
            "PNG, named like its own metadata",
            partial(with_chunks, chunk(b"tEXt", b"icc_profile\0x"), chunk(b"tEXt", b"exif\0x")),
        ),
        refused("PNG, transparency by text", partial(with_chunks, chunk(b"tEXt", b"transparency\0x"))),
    ]


def _before_end(extra: bytes) -> bytes:
    content = with_chunks()
    return content[:-12] + extra + content[-12:]


def _spoilt(content: bytes, name: bytes) -> bytes:
    """The same with a wrong checksum behind the first chunk of that name."""
    at = content.index(name)
    end = at + 4 + int.from_bytes(content[at - 4 : at], "big")
    return content[:end] + bytes(byte ^ 0xFF for byte in content[end : end + 4]) + content[end + 4 :]


def _of_rows(rows: bytes, head: bytes | None = None) -> bytes:
    return (head or header(320, 240)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def _broken() -> list[Case]:
    row = bytes(1 + 320 * 3)
    black = partial(Image.new, "RGB", (320, 240))
    pieces = zlib.compress(row * 240)
    crumbs = b"".join(chunk(b"IDAT", pieces[n : n + 1]) for n in range(len(pieces)))
    return [
        refused("PNG, wrong checksum of the header", lambda: _spoilt(with_chunks(), b"IHDR")),
        Case("PNG, wrong checksum of the pixels", lambda: _spoilt(with_chunks(), b"IDAT")),
        refused(
            "PNG, pixels that do not decompress", lambda: header(320, 240) + chunk(b"IDAT", b"x" * 999) + chunk(b"IEND")
        ),
        unlooked("PNG, half of its rows", lambda: _of_rows(row * 120)),
        Case("PNG, twice its rows", lambda: _of_rows(row * 480), look=black),
        refused("PNG, unknown row filter", lambda: _of_rows((b"\x09" + row[1:]) * 240)),
        Case("PNG, pixels in chunks of one byte", lambda: header(320, 240) + crumbs + chunk(b"IEND"), look=black),
        Case("PNG without its end", lambda: with_chunks()[:-12]),
        refused("PNG without pixels", lambda: header(320, 240) + chunk(b"IEND")),
        refused("PNG, colour type 5", lambda: _of_rows(row * 240, header(320, 240, 8, 5))),
        refused("PNG, 3 bits", lambda: _of_rows(row * 240, header(320, 240, 3, GREY))),
        refused("PNG, palette missing", lambda: _of_rows(bytes(321) * 240, header(320, 240, 8, PALETTE))),
        refused("PNG, header cut", lambda: MAGIC + chunk(b"IHDR", bytes(8)) + chunk(b"IEND")),
        refused("PNG, Apple's own kind", lambda: MAGIC + chunk(b"CgBI", bytes(4)) + _of_rows(row * 240)[8:][:-30]),
        refused("PNG, chunk longer than the file", partial(with_chunks, b"\x7f\xff\xff\xfftEXt")),
        refused("PNG, 0 px wide", lambda: _of_rows(b"", header(0, 240))),
    ]


def _empty(width: int, height: int, depth: int = 8, colour: int = RGB, *before: bytes) -> bytes:
    """Zeros: about a thousandth of its pixels' size."""
    row = bytes(1 + (width * depth * CHANNELS[colour] + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return header(width, height, depth, colour) + b"".join(before) + chunk(b"IDAT", packed) + chunk(b"IEND")


def _heavy() -> bytes:
    """Pixels that do not compress, in as many pieces as an honest PNG may have."""
    rows = np.random.default_rng(1).integers(0, 256, (2_800, 2_850 * 3 + 1), np.uint8)
    rows[:, 0] = 0
    packed_rows = zlib.compress(rows.tobytes(), 0)
    pieces = (packed_rows[at : at + 1024] for at in range(0, len(packed_rows), 1024))
    return header(2_850, 2_800) + b"".join(chunk(b"IDAT", piece) for piece in pieces) + chunk(b"IEND")


def _large() -> list[Case]:
    few = zlib.compress(bytes(1000))
    white, black = (partial(Image.new, "RGB", (10_000, 4_900), colour) for colour in ("white", "black"))
    turned = partial(Image.new, "RGB", (4_900, 10_000), "white")
    exif = chunk(b"eXIf", metadata.exif(6)[6:])
    clear = chunk(b"PLTE", bytes(30)) + chunk(b"tRNS", b"\0\x80\x20")
    return [
        refused(
            "PNG, 200,000 x 200,000 px claimed",
            lambda: header(200_000, 200_000) + chunk(b"IDAT", few),
            "photo_too_large",
        ),
        refused(
            "PNG, 2 billion px a side claimed",
            lambda: header(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", few),
            "photo_too_large",
        ),
        refused("PNG, strip of 20,000 px", partial(_empty, 20_000, 300), "photo_too_large"),
        refused("PNG, 12,001 px high", partial(_empty, 200, 12_001), "photo_too_large"),
        refused("PNG, a little over 50 Mpx", lambda: header(12_000, 4_167) + chunk(b"IDAT", few), "photo_too_large"),
        Case("PNG, 12,000 px wide", partial(_empty, 12_000, 200), look=partial(Image.new, "RGB", (12_000, 200))),
        Case("PNG of 24 MB in chunks of 1 KB", _heavy, look=None, slow=True),
        Case("PNG, 49 Mpx of nothing", partial(_empty, 10_000, 4_900), look=black, slow=True),
        Case(
            "PNG, 49 Mpx of 16-bit RGBA, turned", partial(_empty, 10_000, 4_900, 16, RGBA, exif), look=turned, slow=True
        ),
        Case("PNG, 49 Mpx of 16-bit grey", partial(_empty, 10_000, 4_900, 16, GREY), look=black, slow=True),
        Case(
            "PNG, 49 Mpx of palette with alpha",
            partial(_empty, 10_000, 4_900, 8, PALETTE, clear),
            look=white,
            slow=True,
        ),
        Case(
            "PNG, 49 Mpx with a transparent colour",
            partial(_empty, 10_000, 4_900, 8, RGB, chunk(b"tRNS", bytes(6))),
            look=white,
            slow=True,
        ),
    ]
