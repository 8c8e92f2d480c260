"""The stage `preprocess`: customers' photos become square instance images, or a sentence why not.

Photos are refused here and nowhere later; no background is touched and no model is trained.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from gpu_worker.errors import BadPhotos
from gpu_worker.faces import Face, find_faces
from gpu_worker.images import read_photo, write_png
from gpu_worker.stage import OnStep, StageConfig, silent

# The crop's side in face heights: head and shoulders, as base models frame a portrait.
FRAMING = 2.6
# A small face may be framed wider to reach `min_side`, but not so wide that it gets lost.
WIDEST_FRAMING = 4.0
FACE_LEVEL = 0.42  # the face's centre sits this far down the crop: room for hair, shoulders below
MIN_FACE = 64  # px of face height; fewer hold no likeness
RIVAL_AREA = 0.5  # a second face this large against the first leaves open who is meant


class PreprocessConfig(StageConfig):
    """How many photos a job takes and how large the instance images are."""

    min_photos: int = Field(default=3, ge=1)
    max_photos: int = Field(default=20, ge=1)
    min_side: int = Field(default=512, ge=64)  # px; matting and scoring want this much where the photo has it
    max_side: int = Field(default=1024, ge=64)  # px; no base model of ours looks closer
    hold_out_from: int = Field(default=5, ge=2)  # photos needed before one is kept from training, to score by


@dataclass(frozen=True)
class Crop:
    """A square of the photo, px."""

    x: int
    y: int
    side: int


@dataclass(frozen=True)
class Portrait:
    """One accepted photo."""

    number: int
    source: str
    size: tuple[int, int]
    face: Face
    crop: Crop
    pixels: np.ndarray


def preprocess_photos(inputs: Path, outputs: Path, config: PreprocessConfig, *, on_step: OnStep | None = None) -> None:
    """Crop each photo in inputs/photos onto its subject.

    Writes outputs/instance/NNN.png (RGB, square, at most `max_side` px, never enlarged), with enough photos
    one of them to outputs/held_out/ instead, and outputs/report.json. NNN is the photo's place, from 1.
    Raises BadPhotos (`too_few_photos`, `too_many_photos`, `unreadable_photo`, `photo_too_large`,
    `photo_too_small`, `no_face`, `several_people`), its sentence about every photo that was refused.
    """
    on_step = on_step or silent
    paths = sorted(path for path in (inputs / "photos").iterdir() if path.is_file())
    _check_count(len(paths), config)
    portraits, refusals = [], []
    for number, path in enumerate(paths, 1):
        try:
            portraits.append(_portrait(path, number, config))
        except BadPhotos as refusal:
            refusals.append(refusal)
        on_step(number / len(paths), f"photo {number}/{len(paths)}")
    if refusals:
        raise BadPhotos(refusals[0].code, " ".join(refusal.sentence for refusal in refusals))
    _write(portraits, outputs, config)


def _check_count(count: int, config: PreprocessConfig) -> None:
    if count < config.min_photos:
        raise BadPhotos("too_few_photos", f"We need at least {config.min_photos} photos and got {count}.")
    if count > config.max_photos:
        raise BadPhotos("too_many_photos", f"We take up to {config.max_photos} photos and got {count}.")


def _portrait(path: Path, number: int, config: PreprocessConfig) -> Portrait:
    name = f"photo {number}"
    photo = read_photo(path, name)
    pixels = np.asarray(photo)
    face = _subject(find_faces(pixels), name)
    crop = _square(photo.size, face, config.min_side)
    cut = photo.crop((crop.x, crop.y, crop.x + crop.side, crop.y + crop.side))
    if crop.side > config.max_side:
        cut = cut.resize((config.max_side, config.max_side), Image.Resampling.LANCZOS)
    return Portrait(number, path.name, photo.size, face, crop, np.asarray(cut))


def _subject(faces: list[Face], name: str) -> Face:
    """The one face that is meant: the largest, if no other comes near it."""
    if not faces:
        raise BadPhotos("no_face", f"We found no face in {name}.")
    first, *others = faces
    if others and others[0].width * others[0].height > RIVAL_AREA * first.width * first.height:
        raise BadPhotos("several_people", f"There are several people in {name}; we cannot tell who is meant.")
    if first.height < MIN_FACE:
        raise BadPhotos("photo_too_small", f"The face in {name} is too small; send a closer photo.")
    return first


def _square(size: tuple[int, int], face: Face, min_side: int) -> Crop:
    """Head and shoulders around the face, pushed inside the photo where it would stick out."""
    side = max(FRAMING * face.height, min(min_side, WIDEST_FRAMING * face.height))
    side = int(min(side, *size))
    centre_x, centre_y = face.centre
    x = min(max(round(centre_x - side / 2), 0), size[0] - side)
    y = min(max(round(centre_y - FACE_LEVEL * side), 0), size[1] - side)
    return Crop(x, y, side)


def _write(portraits: list[Portrait], outputs: Path, config: PreprocessConfig) -> None:
    held_out = _held_out(portraits) if len(portraits) >= config.hold_out_from else None
    (outputs / "instance").mkdir(parents=True)
    (outputs / "held_out").mkdir()
    for portrait in portraits:
        folder = "held_out" if portrait is held_out else "instance"
        write_png(portrait.pixels, outputs / folder / f"{portrait.number:03d}.png")
    photos = [_told(portrait, held_out=portrait is held_out) for portrait in portraits]
    (outputs / "report.json").write_text(json.dumps({"photos": photos}, indent=1))


def _held_out(portraits: list[Portrait]) -> Portrait:
    """The photo with the middle face score: neither the best teacher nor a misfit."""
    return sorted(portraits, key=lambda portrait: portrait.face.score)[len(portraits) // 2]


def _told(portrait: Portrait, *, held_out: bool) -> dict[str, Any]:
    """The report of one photo; `face_in_crop` is (x, y, width, height) as shares of the crop's side."""
    face, crop = portrait.face, portrait.crop
    corner = ((face.x - crop.x) / crop.side, (face.y - crop.y) / crop.side)
    return {
        "number": portrait.number,
        "source": portrait.source,
        "size": portrait.size,
        "face": asdict(face),
        "crop": asdict(crop),
        "face_in_crop": [*corner, face.width / crop.side, face.height / crop.side],
        "side": len(portrait.pixels),
        "verdict": "held_out" if held_out else "accepted",
    }
