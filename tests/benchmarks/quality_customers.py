"""The customers of the quality benchmarks: drawn people that nothing else saw, most of their photos taken in one room.

Their photos go through the real stages preprocess and matte, once. Nothing is trained here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gpu_worker.base_models.pocket.people import customers
from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.drawing import attributes, draw
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.matte import MatteConfig, matte_photos
from gpu_worker.preprocess import PreprocessConfig, preprocess_photos
from gpu_worker.score import IDENTITY
from tests.benchmarks.quality_drawn import drawn_by
from tests.benchmarks.quality_share import alone

# Seeds of customers.customer(); the samples and the other benchmarks lie below 10,000.
TEST = tuple(range(20_000, 20_008))
TUNING = (21_000, 21_001)
ABLATE = (22_000, 22_001, 22_002)

PHOTOS = 8
ELSEWHERE = 4  # every so many-th photo is not taken in the customer's room
FEW = 4  # less than so many photos are filled up, as for customers who have no more
RECORD = "customer.json"


@dataclass(frozen=True)
class Customer:
    """One drawn customer; `folder` has photos/, preprocess/ and matte/, as a training wants them.

    `identity`: the attributes by which his likeness is judged. `room`: the scene of three photos of four.
    """

    name: str
    folder: Path
    class_noun: str
    identity: dict[str, str]
    room: str

    def photos(self) -> list[np.ndarray]:
        """What he sent, RGB, uint8 (512, 512, 3)."""
        paths = sorted((self.folder / "photos").iterdir())
        return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def prepare(seed: int, work: Path, photos: int = PHOTOS) -> Customer:
    """Draw the customer's photos and run both stages on them; what an earlier run finished is taken as it is.

    Raises BadPhotos when the gate refuses them.
    """
    folder = _folder(seed, work, photos)
    with alone(folder):
        if not (folder / RECORD).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _make(seed, folder, photos)
    told = json.loads((folder / RECORD).read_text())
    return Customer(**told | {"folder": folder})


def is_prepared(seed: int, work: Path, photos: int = PHOTOS) -> bool:
    """Whether prepare() would find everything there."""
    return (_folder(seed, work, photos) / RECORD).is_file()


def photo_shots(person: Person, photos: int, room: str) -> list[Shot]:
    """What people send: mostly one room, and other clothes each time."""
    planned = customers.shots(person, photos)
    return [shot.change(scene=room) if n % ELSEWHERE != ELSEWHERE - 1 else shot for n, shot in enumerate(planned)]


def room_of(person: Person) -> str:
    """The scene in which this person takes most photos."""
    return str(np.random.default_rng([23, person.seed]).choice(list(words.SCENES)))


def _folder(seed: int, work: Path, photos: int) -> Path:
    return work / "customers" / f"{seed}-{photos}-{drawn_by()}"


def _make(seed: int, folder: Path, photos: int) -> None:
    person = customers.customer(seed)
    room = room_of(person)
    shots = photo_shots(person, photos, room)
    _draw(person, shots, folder / "photos")
    few = photos < FEW
    # However many the gate accepts: the benchmark's customers cannot take better ones.
    preprocess_photos(folder, folder / "preprocess", PreprocessConfig(few_photos=few, min_photos=1))
    matte_photos(folder, folder / "matte", MatteConfig(few_photos=few))
    looks = attributes(person, shots[0])
    identity = {name: looks[name] for name in IDENTITY}
    customer = Customer(str(seed), Path(), person.gender, identity, room)
    (folder / RECORD).write_text(json.dumps({k: v for k, v in asdict(customer).items() if k != "folder"}))


def _draw(person: Person, shots: Sequence[Shot], folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, shot in enumerate(shots):
        image = Image.fromarray(draw(person, shot, customers.SIZE).image)
        image.save(folder / f"{number:03d}.jpg", quality=customers.QUALITY)
