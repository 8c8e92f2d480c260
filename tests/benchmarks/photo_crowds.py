"""Whose photos the gate is tried on: drawn people, whom nothing was tuned on, and two public-domain portraits.

Nothing is counted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib import cbook
from PIL import Image
from skimage import data

from gpu_worker.gate.photo import PhotoLimits, Verdict, judge_pixels
from gpu_worker.gate.photo_set import SetLimits
from gpu_worker.images import read_photo
from tests.benchmarks.photo_changes import Pixels, view

PEOPLE, SHOTS = 12, 6
FIRST_CUSTOMER = 500  # beyond the samples and every benchmark's customers
VIEWS = 8  # of each portrait
DRAWN = 0.68  # cosine; SetLimits' own is for photographs
FACELESS = ("coffee", "rocket", "chelsea", "cell", "page", "coins", "brick", "grass", "gravel", "moon")


@dataclass(frozen=True)
class Crowd:
    """The photos of several people, and from which cosine on two of them show one person."""

    name: str
    same_person: float
    photos: list[list[Pixels]]

    @cached_property
    def judged(self) -> list[list[Verdict]]:
        """Each photo on its own, by person."""
        return [[judge(photo, number) for number, photo in enumerate(photos, 1)] for photos in self.photos]

    @property
    def all_judged(self) -> list[Verdict]:
        return [verdict for verdicts in self.judged for verdict in verdicts]

    @property
    def good(self) -> list[list[Verdict]]:
        """The accepted ones, by person."""
        return [[verdict for verdict in verdicts if verdict.accepted] for verdicts in self.judged]

    @property
    def good_photos(self) -> list[list[tuple[Pixels, Verdict]]]:
        """The accepted ones with their pixels, by person."""
        both = (zip(*pair, strict=True) for pair in zip(self.photos, self.judged, strict=True))
        return [[(photo, verdict) for photo, verdict in person if verdict.accepted] for person in both]


def judge(photo: Pixels, number: int = 1) -> Verdict:
    return judge_pixels(photo, number, f"{number:03d}-photo", PhotoLimits())[0]


def drawn_photos(folder: Path) -> list[list[Path]]:
    """The files of each drawn person, drawn where they are missing; attributes.json lies beside them."""
    from gpu_worker.base_models.pocket.people.customers import customer, write

    for number in range(PEOPLE):
        if not (folder / str(number) / "attributes.json").is_file():
            write(customer(FIRST_CUSTOMER + number), folder / str(number), SHOTS)
    return [sorted((folder / str(number)).glob("photo-*.jpg")) for number in range(PEOPLE)]


def drawn(people: list[list[Path]]) -> Crowd:
    return Crowd("drawn", DRAWN, [[_read(path) for path in paths] for paths in people])


def drawn_in(glasses: str, folder: Path) -> list[Pixels]:
    """One photo of each drawn person in "glasses" or "sunglasses", drawn where it is missing."""
    from gpu_worker.base_models.pocket.people.customers import SIZE, customer, shots
    from gpu_worker.base_models.pocket.people.drawing import draw

    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number}-{glasses}.png" for number in range(PEOPLE)]
    for number, file in enumerate(files):
        if not file.is_file():
            person = customer(FIRST_CUSTOMER + number)
            drawing = draw(person, shots(person, 1)[0].change(glasses=glasses), SIZE)
            Image.fromarray(drawing.image).save(file)
    return [_read(file) for file in files]


def photographs() -> Crowd:
    """Each portrait and VIEWS of it: no other photos of these two may be passed on."""
    hopper = _read(Path(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))))
    portraits = (hopper, data.astronaut())  # type: ignore[no-untyped-call]  # no stubs upstream
    rng = np.random.default_rng(31)
    photos = [[portrait, *(view(portrait, rng) for _ in range(VIEWS))] for portrait in portraits]
    return Crowd("photographs", SetLimits().same_person, photos)


def faceless() -> list[Pixels]:
    return [np.asarray(Image.fromarray(getattr(data, name)()).convert("RGB")) for name in FACELESS]


def _read(path: Path) -> Pixels:
    return np.asarray(read_photo(path, path.name))
