"""Large images enlarged tile by tile, without seams and in little memory. No network here: see networks.

Each tile is enlarged with some of what surrounds it, and neighbours fade into each other in the middle of what both
have seen. How much error that leaves, docs/bench-upscale.txt says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SCALE = 4
MARGIN = 10  # px by which the image is mirrored outwards, so that its edges have surroundings too

# float32 (h, w, 3) in [0, 1] → float32 (4h, 4w, 3), roughly in [0, 1]; and where in the image those pixels begin
Enlarger = Callable[[NDArray[np.float32], int, int], NDArray[np.float32]]


@dataclass(frozen=True)
class Span:
    """One tile along one side of the image, px of the small image.

    The network sees `seen`, which may begin and end up to MARGIN outside; of what it makes of that `used` is kept. In
    the `fade` px before and after its two `bounds` the tile fades into its neighbours.
    """

    seen: tuple[int, int]
    used: tuple[int, int]
    bounds: tuple[int, int]
    fade: int

    def weights(self, length: int) -> NDArray[np.float32]:
        """What this tile counts at each enlarged pixel of `used`: with its neighbours' 1 everywhere."""
        at = (np.arange(self.used[0] * SCALE, self.used[1] * SCALE) + 0.5) / SCALE
        begin, end = self.bounds
        weights = np.ones_like(at)
        if begin > 0 and self.fade:
            weights *= np.clip((at - begin) / (2 * self.fade) + 0.5, 0, 1)
        if end < length and self.fade:
            weights *= np.clip((end - at) / (2 * self.fade) + 0.5, 0, 1)
        return weights.astype(np.float32)


def spans(length: int, tile: int, overlap: int) -> list[Span]:
    """Tiles of `tile` px at most, all about equally long, that see `overlap` px of their neighbours."""
    count = -(-length // tile)
    bounds = [length * number // count for number in range(count + 1)]
    fade = min(overlap // 4, length // count // 2)
    return [
        Span(
            (
                max(begin - overlap, -MARGIN) if begin else -MARGIN,
                min(end + overlap, length + MARGIN) if end < length else length + MARGIN,
            ),
            (max(begin - fade, 0), min(end + fade, length)),
            (begin, end),
            fade,
        )
        for begin, end in pairwise(bounds)
    ]


def enlarge_tiled(
    image: NDArray[np.uint8],
    enlarge: Enlarger,
    tile: int,
    overlap: int,
    on_share: Callable[[float], None] = lambda share: None,
) -> NDArray[np.uint8]:
    """Enlarge RGB, uint8 (H, W, 3), to uint8 (4H, 4W, 3); `on_share` is told the share that is done, 0 to 1.

    Beside the result one row of tiles is held, not more.
    """
    large = np.empty((image.shape[0] * SCALE, image.shape[1] * SCALE, 3), np.uint8)
    at = 0
    for rows in enlarged_rows(image, enlarge, tile, overlap):
        large[at : at + len(rows)] = rows
        at += len(rows)
        on_share(at / len(large))
    return large


def enlarged_rows(image: NDArray[np.uint8], enlarge: Enlarger, tile: int, overlap: int) -> Iterator[NDArray[np.uint8]]:
    """The enlarged image from top to bottom, uint8 (rows, 4W, 3), as soon as each row of tiles is done."""
    height = len(image)
    padded = np.pad(image, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="symmetric")
    tail = np.empty((0, image.shape[1] * SCALE, 3), np.float32)  # what the next row of tiles fades into
    for down in spans(height, tile, overlap):
        band = _band(padded, down, enlarge, tile, overlap)
        band *= down.weights(height)[:, None, None]
        band[: len(tail)] += tail
        done = (down.bounds[1] - down.fade if down.bounds[1] < height else height) - down.used[0]
        tail = band[done * SCALE :].copy()
        yield _levels(band[: done * SCALE])


def _band(padded: NDArray[np.uint8], down: Span, enlarge: Enlarger, tile: int, overlap: int) -> NDArray[np.float32]:
    """One row of tiles, side by side, float32 (rows, 4W, 3)."""
    width = padded.shape[1] - 2 * MARGIN
    band = np.zeros(((down.used[1] - down.used[0]) * SCALE, width * SCALE, 3), np.float32)
    for across in spans(width, tile, overlap):
        (top, bottom), (left, right) = down.seen, across.seen
        seen = padded[top + MARGIN : bottom + MARGIN, left + MARGIN : right + MARGIN]
        large = enlarge(seen.astype(np.float32) / np.float32(255), top, left)
        used = large[_within(down)][:, _within(across)]
        band[:, across.used[0] * SCALE : across.used[1] * SCALE] += used * across.weights(width)[None, :, None]
    return band


def _levels(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float pixels, roughly in [0, 1], as uint8; they are written over, for they may be many."""
    np.clip(pixels, 0, 1, out=pixels)
    pixels *= 255
    np.rint(pixels, out=pixels)
    return pixels.astype(np.uint8)


def _within(span: Span) -> slice:
    """The part of the enlarged tile that is used."""
    return slice((span.used[0] - span.seen[0]) * SCALE, (span.used[1] - span.seen[0]) * SCALE)
