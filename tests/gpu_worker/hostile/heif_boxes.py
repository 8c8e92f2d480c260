"""HEIC containers put together by hand: one small tile, and grids that show it as often as one likes.

Format: ISO/IEC 14496-12 and 23008-12. No pixel is coded here: the tile comes from a whole HEIC.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

GRID, TILE = 1, 2  # item ids


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">L", len(body) + 8) + name + body


def full(name: bytes, *parts: bytes, version: int = 0) -> bytes:
    return box(name, bytes([version, 0, 0, 0]), *parts)


def ispe(width: int, height: int) -> bytes:
    """The box that claims an image's size."""
    return full(b"ispe", struct.pack(">LL", width, height))


@dataclass(frozen=True)
class Grid:
    """`rows` x `columns` times the picture of `content`, a HEIC of one image `side` px a side."""

    content: bytes
    side: int
    rows: int
    columns: int
    width: int
    height: int
    shows: tuple[int, ...] = ()  # other items than the tile

    def build(self) -> bytes:
        data = part_of(self.content, b"mdat")[8:]
        start = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
        ahead = len(start) + len(self._meta(0, len(data))) + 8
        return start + self._meta(ahead, len(data)) + box(b"mdat", data)

    def _meta(self, at: int, length: int) -> bytes:
        layout = struct.pack(">BBBBLL", 0, 1, self.rows - 1, self.columns - 1, self.width, self.height)
        handler = full(b"hdlr", bytes(4), b"pict", bytes(13))
        return full(
            b"meta",
            handler,
            full(b"pitm", struct.pack(">H", GRID)),
            self._places(at, length, len(layout)),
            full(b"iinf", struct.pack(">H", 2), _item(GRID, b"grid"), _item(TILE, b"hvc1")),
            self._properties(),
            self._references(),
            box(b"idat", layout),
        )

    def _places(self, at: int, length: int, layout: int) -> bytes:
        """Where the items' bytes lie: the grid's in idat, the tile's in the file."""
        grid = struct.pack(">HHHHLL", GRID, 1, 0, 1, 0, layout)
        tile = struct.pack(">HHHHLL", TILE, 0, 0, 1, at, length)
        return full(b"iloc", b"\x44\0", struct.pack(">H", 2), grid, tile, version=1)

    def _properties(self) -> bytes:
        decoder = part_of(self.content, b"hvcC")
        kept = box(b"ipco", ispe(self.width, self.height), decoder, ispe(self.side, self.side))
        of_grid, of_tile = struct.pack(">HBB", GRID, 1, 1), struct.pack(">HBBB", TILE, 2, 0x82, 3)
        return box(b"iprp", kept, full(b"ipma", struct.pack(">L", 2), of_grid, of_tile))

    def _references(self) -> bytes:
        shown = self.shows or (TILE,) * (self.rows * self.columns)
        return full(b"iref", box(b"dimg", struct.pack(f">HH{len(shown)}H", GRID, len(shown), *shown)))


def part_of(content: bytes, name: bytes) -> bytes:
    """The first box of that name, whole."""
    at = content.index(name) - 4
    return content[at : at + int.from_bytes(content[at : at + 4], "big")]


def _item(number: int, kind: bytes) -> bytes:
    return full(b"infe", struct.pack(">HH", number, 0), kind, b"\0", version=2)
