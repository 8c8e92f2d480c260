"""Every bad or odd file that photos are tried with: named cases, made on demand and always the same.

Nothing is read or judged here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache, partial

from tests.gpu_worker.hostile.case import Case, encoded, refused, scene
from tests.gpu_worker.hostile.heifs import heic, heifs
from tests.gpu_worker.hostile.jpegs import jpeg, jpegs
from tests.gpu_worker.hostile.pngs import pngs, with_chunks
from tests.gpu_worker.hostile.pngs_broken import broken_pngs
from tests.gpu_worker.hostile.portraits import portraits
from tests.gpu_worker.hostile.strangers import strangers
from tests.gpu_worker.hostile.webps import webp, webps

CUTS = 8


def _truncated() -> list[Case]:
    """Whole photos cut at random places, nine tenths at most of them left."""
    whole: dict[str, Callable[[], bytes]] = {
        "JPEG": jpeg,
        "progressive JPEG": partial(jpeg, progressive=True),
        "PNG": with_chunks,
        "WebP": partial(webp, scene()),
        "lossless WebP": partial(webp, scene(), lossless=True),
        "HEIC": heic,
        "tiled HEIC": partial(encoded, scene(), "HEIF", tile_size=128),
    }
    dice = random.Random(5)
    kept = {kind: cache(build) for kind, build in whole.items()}
    cuts = [(kind, build, dice.uniform(0.005, 0.9)) for kind, build in kept.items() for _ in range(CUTS)]
    return [refused(f"{kind}, cut at {share:.1%}", partial(_cut, build, share)) for kind, build, share in cuts]


def _cut(build: Callable[[], bytes], share: float) -> bytes:
    content = build()
    return content[: int(share * len(content))]


CASES = [*jpegs(), *pngs(), *broken_pngs(), *webps(), *heifs(), *strangers(), *portraits(), *_truncated()]
