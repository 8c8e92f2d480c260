"""Many drawings on disk: files of 250 pictures each, made by several processes, continued where they stopped.

A shard is `shard-00000.npz` (images uint8 (N, S, S, 3), alphas uint8 (N, S, S)) beside `shard-00000.jsonl`
(one line for each picture: caption, person, shot, attributes, and for each landmark and joint its x, y in pixels
and whether it is seen). Person and shot are seeds: everything else, depth too, can be drawn again from them. The npz
is renamed into place last: where it exists, the shard is whole. Nothing is trained here.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gpu_worker.base_models.pocket.people.landmarks import Landmark

SHARD = 250  # pictures: about 10 MB, a minute's work that a stopped run may lose
ONE_THREAD = ("LP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # the processes are the parallelism
PEOPLE_PER_SEED = 1_000_000  # people of one run; customers' seeds lie above all of these


@dataclass(frozen=True)
class Plan:
    """What a run draws. Picture `i` shows person `i / shots_per_person`, so people are spread evenly."""

    out: Path
    count: int
    size: int = 128
    seed: int = 0
    shots_per_person: float = 2.5
    shard: int = SHARD
    whole: bool = False  # every word, lens and camera fault, not only what the shipped weights know

    def numbers(self) -> range:
        return range((self.count + self.shard - 1) // self.shard)

    def path(self, number: int) -> Path:
        return self.out / f"shard-{number:05d}.npz"

    def person(self, picture: int) -> int:
        return self.seed * PEOPLE_PER_SEED + int(picture / self.shots_per_person)


def write(plan: Plan, workers: int, report: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Draw the shards that are missing and return how many were drawn; `report(done, total)` after each."""
    plan.out.mkdir(parents=True, exist_ok=True)
    missing = [number for number in plan.numbers() if not plan.path(number).is_file()]
    total = len(plan.numbers())
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")  # noqa: TID251  # written, not read: libraries take it when a child starts
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(write_shard, plan, number) for number in missing]
        for done, future in enumerate(as_completed(waiting), start=1):
            future.result()
            report(total - len(missing) + done, total)
    return len(missing)


def write_shard(plan: Plan, number: int) -> None:
    """Draw one shard beside its place and rename it when it is whole."""
    from gpu_worker.base_models.pocket.people.drawing import draw
    from gpu_worker.base_models.pocket.people.person import Person
    from gpu_worker.base_models.pocket.people.shot import Shot
    from gpu_worker.base_models.pocket.people.vocabulary import SHIPPED, WHOLE

    known = WHOLE if plan.whole else SHIPPED
    images, alphas, lines = [], [], []
    for picture in range(number * plan.shard, min((number + 1) * plan.shard, plan.count)):
        person = Person.from_seed(plan.person(picture), known)
        drawing = draw(person, Shot.from_seed(person, picture, known), plan.size)
        images.append(drawing.image)
        alphas.append((drawing.alpha * 255 + 0.5).astype(np.uint8))
        about = {"caption": drawing.caption, "person": person.seed, "shot": picture}
        points = {"landmarks": _places(drawing.landmarks), "skeleton": _places(drawing.skeleton)}
        lines.append(json.dumps(about | {"attributes": drawing.attributes} | points))
    path = plan.path(number)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    path.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")
    with beside.open("wb") as file:
        np.savez_compressed(file, images=np.stack(images), alphas=np.stack(alphas))
    os.replace(beside, path)


def _places(points: "Mapping[str, Landmark]") -> dict[str, tuple[float, float, bool]]:
    return {name: (round(point.x, 1), round(point.y, 1), point.seen) for name, point in points.items()}


def read(out: Path) -> Iterator[tuple[Path, list[dict[str, object]]]]:
    """Yield each whole shard's npz with the lines that describe its pictures, in order."""
    for path in sorted(out.glob("shard-?????.npz")):
        yield path, [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
