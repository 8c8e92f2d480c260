"""How right and how fast is the gate? A table of its decisions, then photos per second against decoding alone.

Run by `python -m tests.benchmarks.photos FOLDER`, which draws its people once into FOLDER. Decisions: faces found, the
same person or another, and near-duplicates, each with false accepts and false rejects, on drawn people whom nothing was
tuned on and on two public-domain portraits. Speed: the whole stage `preprocess` in alternation with decoding the same
files, at 8 and at 16 photos. Last line: the JSON line with the matting errors of tests.benchmarks.matting.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
from imagehash import phash
from matplotlib import cbook
from PIL import Image
from skimage import data

from gpu_worker.gate.photo import PhotoLimits, Verdict, judge_photo
from gpu_worker.gate.photo_set import SetLimits
from gpu_worker.images import read_photo
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos
from tests.benchmarks.matting import matting_errors

PEOPLE, SHOTS = 12, 6
FIRST_CUSTOMER = 500  # beyond the samples and every benchmark's customers
PAIRS = 7  # alternations
LARGE = (3024, 4032)  # px, a phone's portrait
DRAWN = 0.68  # cosine; SetLimits' own is for photographs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    people = draw_people(folder / "people")
    decisions(people, folder / "changed")
    speed = {count: alternate(people, count, folder / f"speed-{count}") for count in (8, 16)}
    for count, (per_second, ratio, p95) in speed.items():
        print(f"{count:3d} photos of 12 Mpx: {per_second:.2f} photos/s, {ratio:.2f} of decoding alone, p95 {p95:.2f} s")
    per_second, ratio, p95 = speed[8]
    told = {"bench": "photos", "photos_per_s": round(per_second, 3), "vs_decode_floor": round(ratio, 3)}
    print(json.dumps(told | {"p95_s": round(p95, 3), "matting": matting_errors(folder / "matting", 200)}))


def draw_people(folder: Path) -> list[list[Path]]:
    """The photos of each person, drawn where they are missing."""
    from gpu_worker.base_models.pocket.people.customers import customer, write

    for number in range(PEOPLE):
        if not (folder / str(number) / "attributes.json").is_file():
            write(customer(FIRST_CUSTOMER + number), folder / str(number), SHOTS)
    return [sorted((folder / str(number)).glob("photo-*.jpg")) for number in range(PEOPLE)]


def decisions(people: list[list[Path]], folder: Path) -> None:
    """Print one row for each kind of decision."""
    judged = [[judge_photo(path, 1, PhotoLimits())[0] for path in paths] for paths in people]
    photos = [verdict for verdicts in judged for verdict in verdicts]
    real = [judge_photo(path, 1, PhotoLimits())[0] for path in portraits(folder)]
    empty = [judge_photo(path, 1, PhotoLimits())[0] for path in faceless(folder)]
    print(f"{'decision':34s} {'cases':>6s} {'false accepts':>14s} {'false rejects':>14s}")
    row("a face is found, drawn", len(photos), None, sum(not v.faces for v in photos))
    row("a face is found, photographs", len(real), None, sum(not v.faces for v in real))
    row("no face in a picture without", len(empty), sum(bool(v.faces) for v in empty), None)
    row("good photos pass", len(photos) + len(real), None, sum(not v.accepted for v in photos + real))
    identities(judged, real)
    duplicates(people, judged, folder)


def row(name: str, cases: int, accepts: int | None, rejects: int | None) -> None:
    told = ["-" if count is None else f"{count} ({count / max(1, cases):.1%})" for count in (accepts, rejects)]
    print(f"{name:34s} {cases:6d} {told[0]:>14s} {told[1]:>14s}")


def identities(judged: list[list[Verdict]], real: list[Verdict]) -> None:
    """Pairs of photos, at the limit for photographs and at the one for drawn people."""
    found = [[v.identity for v in verdicts if v.identity is not None] for verdicts in judged]
    same = [float(a @ b) for vectors in found for a, b in combinations(vectors, 2)]
    other = [float(a @ b) for one, two in combinations(found, 2) for a in one for b in two]
    for limit in (SetLimits().same_person, DRAWN):
        wrong = sum(value >= limit for value in other), sum(value < limit for value in same)
        row(f"same person, drawn, limit {limit}", len(other), wrong[0], None)
        row(f"same person, drawn, limit {limit}", len(same), None, wrong[1])
    one, two = (verdict.identity for verdict in real[:2])
    assert one is not None
    assert two is not None
    row("same person, two photographs", 1, int(float(one @ two) >= SetLimits().same_person), None)


def duplicates(people: list[list[Path]], judged: list[list[Verdict]], folder: Path) -> None:
    """Each first photo against itself recompressed, resized, cropped and relit; and against the person's others."""
    limit = SetLimits().duplicate_bits
    hashes = [[phash(Image.fromarray(v.sight)) for v in verdicts if v.sight is not None] for verdicts in judged]
    apart = [a - b for one in hashes for a, b in combinations(one, 2)]
    again = []
    for first, paths in zip(hashes, people, strict=True):
        for path in changed(paths[0], folder):
            sight = judge_photo(path, 1, PhotoLimits())[0].sight
            again.append(64 if sight is None else int(first[0] - phash(Image.fromarray(sight))))
    row("near-duplicates, other photos", len(apart), sum(bits < limit for bits in apart), None)
    row("near-duplicates, the same again", len(again), None, sum(bits >= limit for bits in again))


def changed(path: Path, folder: Path) -> Iterator[Path]:
    with Image.open(path) as photo:
        width, height = photo.size
        made = {
            "small": photo.resize((width // 2, height // 2)),
            "cut": photo.crop((width // 40, height // 40, width - width // 30, height - height // 50)),
            "dim": photo.point([round(value * 0.8) for value in range(256)] * 3),
            "coarse": photo.copy(),
        }
    for name, image in made.items():
        file = folder / f"{name}.jpg"
        image.save(file, quality=40 if name == "coarse" else 85)
        yield file


def portraits(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    shutil.copy(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)), folder / "hopper.jpg")
    return [folder / "astronaut.png", folder / "hopper.jpg"]


def faceless(folder: Path) -> list[Path]:
    files = []
    for name in ("coffee", "rocket", "chelsea", "cell", "page", "coins", "brick", "grass", "gravel", "moon"):
        file = folder / f"{name}.png"
        Image.fromarray(getattr(data, name)()).convert("RGB").save(file)
        files.append(file)
    return files


def alternate(people: list[list[Path]], count: int, folder: Path) -> tuple[float, float, float]:
    """Photos per second of the stage, its share of the decode floor (median of the pairs), p95 seconds of a photo."""
    photos = large_photos([path for paths in people for path in paths][:: PEOPLE * SHOTS // count][:count], folder)
    stage(photos)
    pairs = [(floor(photos), stage(photos)) for _ in range(PAIRS)]
    single = [stage(photos[:1]) for _ in range(20)]
    return (
        count / statistics.median(took for _, took in pairs),
        statistics.median(bare / took for bare, took in pairs),
        float(np.percentile(single, 95)),
    )


def large_photos(paths: Sequence[Path], folder: Path) -> list[Path]:
    """As a phone would send them: 12 Mpx JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, path in enumerate(paths, 1):
        with Image.open(path) as photo:
            wide = photo.resize((LARGE[0], LARGE[0]), Image.Resampling.BICUBIC)
        sheet = Image.new("RGB", LARGE, (120, 130, 140))
        sheet.paste(wide, (0, (LARGE[1] - LARGE[0]) // 2))
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=90)
        files.append(folder / f"{number:03d}-photo")
        files[-1].write_bytes(buffer.getvalue())
    return files


def floor(photos: Sequence[Path]) -> float:
    """Seconds to decode alone, on as many threads as the stage takes."""
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda path: read_photo(path, "photo"), photos))
    return time.perf_counter() - started


def stage(photos: Sequence[Path]) -> float:
    """Seconds of the whole stage; people of a benchmark may differ."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "in", Path(folder) / "out"
        (inputs / "photos").mkdir(parents=True)
        for path in photos:
            (inputs / "photos" / path.name).symlink_to(path.resolve())
        started = time.perf_counter()
        preprocess_photos(inputs, outputs, PreprocessConfig(few_photos=True, same_person=-1))
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
