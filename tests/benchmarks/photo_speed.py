"""How fast are the stages `preprocess` and `matte` on a phone's photos, beside decoding the same files alone?

Both sides get the same threads and take turns. What the stages decide is not looked at.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from gpu_worker.errors import BadPhotos
from gpu_worker.images import read_photo
from gpu_worker.matte import MatteConfig, matte_photos
from gpu_worker.preprocess import AT_ONCE, PreprocessConfig, preprocess_photos

COUNTS = (8, 16, PreprocessConfig().max_photos)
ROUNDS = 5
LARGE = (3024, 4032)  # px, a phone's portrait
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Run:
    """One run on `photos` photos: seconds on the wall, and of all cores together."""

    photos: int
    wall: float
    cpu: float

    @property
    def per_second(self) -> float:
        return self.photos / self.wall

    @property
    def cores(self) -> float:
        """Share of the machine that was busy for it, 0 to 1."""
        return self.cpu / self.wall / CORES


def speed(people: list[list[Path]], folder: Path) -> dict[str, float]:
    """Print photos per second by the size of the set; the JSON line's numbers, of COUNTS[0] photos."""
    photos = large_photos(_by_turns(people)[: COUNTS[-1]], folder)
    stage(photos[:2])  # libraries load at first use; that is not the stage's time
    rounds = [[(floor(photos[:count]), stage(photos[:count])) for count in COUNTS] for _ in range(ROUNDS)]
    told = [_tell([turn[place] for turn in rounds]) for place in range(len(COUNTS))]
    single = [stage([photo]).wall for photo in photos]
    slowest = float(np.percentile(single, 95))
    growth = [turn[-1][1].per_second / turn[0][1].per_second for turn in rounds]
    print(f"{COUNTS[-1]} photos against {COUNTS[0]}: {_spread(growth)} of the speed")
    print(f"one photo alone: median {statistics.median(single):.2f} s, p95 {slowest:.2f} s of {len(single)} photos")
    matting(photos[: COUNTS[0]])
    return {"photos_per_s": round(told[0][0], 3), "vs_decode_floor": round(told[0][1], 3), "p95_s": round(slowest, 3)}


def _tell(pairs: Sequence[tuple[Run, Run]]) -> tuple[float, float]:
    """Print one size of set; the median photos per second and the share of decoding alone."""
    runs = [run for _, run in pairs]
    per_second = statistics.median(run.per_second for run in runs)
    ratios = [run.per_second / bare.per_second for bare, run in pairs]
    busy = statistics.median(run.cores for run in runs)
    print(
        f"{runs[0].photos:3d} photos of 12 Mpx: {per_second:.2f} photos/s, {_spread(ratios)} of decoding alone, "
        f"{busy:.0%} of {CORES} cores busy",
        flush=True,
    )
    return per_second, statistics.median(ratios)


def large_photos(paths: Sequence[Path], folder: Path) -> list[Path]:
    """As a phone would send them: 12 Mpx JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:03d}-photo" for number in range(1, len(paths) + 1)]
    for path, file in zip(paths, files, strict=True):
        with Image.open(path) as photo:
            wide = photo.resize((LARGE[0], LARGE[0]), Image.Resampling.BICUBIC)
        sheet = Image.new("RGB", LARGE, (120, 130, 140))
        sheet.paste(wide, (0, (LARGE[1] - LARGE[0]) // 2))
        sheet.save(file, "JPEG", quality=90)
    return files


def floor(photos: Sequence[Path]) -> Run:
    """Decoding alone, on as many threads as the stage takes."""

    def decode() -> None:
        with ThreadPoolExecutor(min(AT_ONCE, CORES)) as pool:
            list(pool.map(lambda path: read_photo(path, "photo").size, photos))

    return _timed(decode, len(photos))


def stage(photos: Sequence[Path]) -> Run:
    """The whole stage; people of a benchmark may differ, and a photo alone may be refused."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = _linked(photos, Path(folder)), Path(folder) / "out"

        def judge_and_crop() -> None:
            with suppress(BadPhotos):
                preprocess_photos(inputs, outputs, PreprocessConfig(few_photos=True, same_person=-1))

        return _timed(judge_and_crop, len(photos))


def matting(photos: Sequence[Path]) -> None:
    """Print photos per second of the stage `matte` on what `preprocess` made of `photos`."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = _linked(photos, Path(folder))
        preprocess_photos(inputs, inputs / "preprocess", PreprocessConfig(few_photos=True, same_person=-1))
        made = len([*(inputs / "preprocess").glob("instance/*.png"), *(inputs / "preprocess").glob("held_out/*.png")])

        def matte(turn: int) -> None:
            matte_photos(inputs, Path(folder) / f"matte-{turn}", MatteConfig())

        matte(0)
        runs = [_timed(partial(matte, turn), made) for turn in range(1, ROUNDS + 1)]
        told = f"{_spread([run.per_second for run in runs])} photos/s"
        print(f"matte, {made} photos: {told}, {statistics.median(run.cores for run in runs):.0%} of {CORES} cores busy")


def _linked(photos: Sequence[Path], folder: Path) -> Path:
    inputs = folder / "in"
    (inputs / "photos").mkdir(parents=True)
    for path in photos:
        (inputs / "photos" / path.name).symlink_to(path.resolve())
    return inputs


def _by_turns(people: list[list[Path]]) -> list[Path]:
    """Everyone's first photo, then everyone's second."""
    return [path for paths in zip(*people, strict=True) for path in paths]


def _timed(work: Callable[[], None], photos: int) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Run(photos, time.perf_counter() - wall, time.process_time() - cpu)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
