"""The stage `preprocess`: the gate judges the customer's photos, and the good ones become square instance images.

Photos are refused here and nowhere later; no background is touched and no model is trained.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from gpu_worker.crops import SCALES, Crop, fits, square
from gpu_worker.errors import BadPhotos
from gpu_worker.faces import Face
from gpu_worker.gate.photo import PhotoLimits, Verdict, judge_photo
from gpu_worker.gate.photo_set import SetLimits, SetVerdict, judge_set
from gpu_worker.images import write_png
from gpu_worker.job_photos import job_sheet
from gpu_worker.stage import OnStep, StageConfig, silent

AT_ONCE = 4  # photos; one of 50 Mpx takes half a gigabyte while it is judged
THUMBNAIL = 640  # px, long side of what the report shows


class PreprocessConfig(StageConfig):
    """How many photos a job takes and how large the instance images are."""

    min_photos: int = Field(default=4, ge=1)  # accepted ones
    few_photos: bool = False  # one is enough: more are made of it after matting
    max_photos: int = Field(default=20, ge=1)
    min_side: int = Field(default=512, ge=64)  # px; matting and scoring want this much where the photo has it
    max_side: int = Field(default=1024, ge=64)  # px; no base model of ours looks closer
    more_scales: tuple[str, ...] = ()  # of crops.SCALES, beside "portrait"
    hold_out_from: int = Field(default=5, ge=2)  # photos needed before one is kept from training, to score by
    same_person: float = SetLimits().same_person

    def set_limits(self) -> SetLimits:
        least = 1 if self.few_photos else self.min_photos
        return SetLimits(min_photos=least, max_photos=self.max_photos, same_person=self.same_person)


def preprocess_photos(inputs: Path, outputs: Path, config: PreprocessConfig, *, on_step: OnStep | None = None) -> None:
    """Judge the photos in inputs/photos, in the order of their names, and crop the good ones onto their subject.

    Writes outputs/instance/NNN.png (RGB, square, at most `max_side` px, never enlarged) and NNN-<scale>.png for
    `more_scales` that the photo has the pixels for; with enough photos one of them goes to outputs/held_out/
    instead. outputs/report.json has every photo's verdict and the set's, outputs/thumbnail/NNN.jpg what the
    report shows. NNN is the photo's place, from 1.
    Raises BadPhotos when the set is refused (`too_few_photos`, `other_person`, or the code that all refused photos
    share); the report is written all the same, and the photo sheet, outputs/photos.jpg, since no stage comes after
    that would. Without any photo, or with `too_many_photos`, nothing is judged and nothing written.
    """
    on_step = on_step or silent
    paths = sorted(path for path in (inputs / "photos").iterdir() if path.is_file())
    _check_count(len(paths), config)
    looks = []
    for look in _look_at(paths, config):
        looks.append(look)
        on_step(0.9 * len(looks) / len(paths), f"photo {len(looks)}/{len(paths)}")
    judged = judge_set([look.verdict for look in looks], config.set_limits())
    crops = _write(judged, looks, outputs, config) if judged.accepted else {}
    _report(judged, looks, outputs, crops)
    if not judged.accepted:
        job_sheet(outputs).save(outputs / "photos.jpg", quality=88)
        raise _refusal(judged, config)
    on_step(1.0, f"{len(judged.good)} of {len(paths)} photos accepted")


@dataclass(frozen=True)
class Look:
    """What is kept of one photo: whole photos of a set would fill the memory."""

    verdict: Verdict
    thumbnail: Image.Image | None
    crops: dict[str, tuple[Crop, np.ndarray]]  # by scale


def _look_at(paths: Sequence[Path], config: PreprocessConfig) -> Iterator[Look]:
    """Every photo in order, as many at a time as there are cores; decoders and networks let go of Python's lock."""
    with ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1)) as pool:
        waiting = [pool.submit(_look, path, number, config) for number, path in enumerate(paths, 1)]
        try:
            for one in waiting:
                yield one.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _look(path: Path, number: int, config: PreprocessConfig) -> Look:
    verdict, photo = judge_photo(path, number, PhotoLimits())
    if photo is None:
        return Look(verdict, None, {})
    crops = _crops(photo, verdict.face, config) if verdict.accepted else {}
    return Look(verdict, _thumbnail(photo), crops)


def _thumbnail(photo: np.ndarray) -> Image.Image:
    import cv2

    scale = min(1.0, THUMBNAIL / max(photo.shape[:2]))
    return Image.fromarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _crops(photo: np.ndarray, face: Face, config: PreprocessConfig) -> dict[str, tuple[Crop, np.ndarray]]:
    size = (photo.shape[1], photo.shape[0])
    squares = {"portrait": square(size, face, config.min_side)}
    for name in SCALES:
        if name != "portrait" and name in config.more_scales and fits(size, face, name, config.min_side):
            squares[name] = square(size, face, scale=name)
    return {name: (crop, crop.cut(photo, config.max_side)) for name, crop in squares.items()}


def _check_count(count: int, config: PreprocessConfig) -> None:
    """Before any photo is decoded; photos that are too few are judged all the same, for the customer to see."""
    limits = config.set_limits()
    if count == 0:
        raise BadPhotos("too_few_photos", f"We got no photos and need {limits.min_photos}.")
    if count > limits.max_photos:
        raise BadPhotos("too_many_photos", f"We take up to {limits.max_photos} photos and got {count}.")


def _refusal(judged: SetVerdict, config: PreprocessConfig) -> BadPhotos:
    """The set's sentences first, then one for each refused photo.

    The code is the set's, unless nothing but one and the same fault of photos made too few of enough: then that
    fault's.
    """
    hard = [found for found in judged.findings if found.hard]
    refused = [photo for photo in judged.photos if not photo.accepted]
    codes = {next(found.code for found in photo.findings if found.hard) for photo in refused}
    enough = len(judged.photos) >= config.set_limits().min_photos
    own = hard[0].code == "too_few_photos" and enough and len(codes) == 1
    sentences = [found.sentence for photo in refused for found in photo.findings if found.hard]
    told = " ".join([*(found.sentence for found in hard), *sentences])
    return BadPhotos(codes.pop() if own else hard[0].code, told)


def _write(
    judged: SetVerdict, looks: Sequence[Look], outputs: Path, config: PreprocessConfig
) -> dict[int, dict[str, Any]]:
    """Instance images and the held-out one; what the report says of each crop, by photo."""
    held_out = _held_out(judged.good) if len(judged.good) >= config.hold_out_from else None
    for name in ("instance", "held_out"):
        (outputs / name).mkdir(parents=True)
    told = {}
    for verdict in judged.good:
        crops = looks[verdict.number - 1].crops
        if verdict is held_out:
            told[verdict.number] = _told(verdict, crops) | {"verdict": "held_out"}
            write_png(crops["portrait"][1], outputs / "held_out" / f"{verdict.number:03d}.png")
            continue
        told[verdict.number] = _told(verdict, crops)
        for scale, (_, pixels) in crops.items():
            suffix = "" if scale == "portrait" else f"-{scale}"
            write_png(pixels, outputs / "instance" / f"{verdict.number:03d}{suffix}.png")
    return told


def _told(verdict: Verdict, crops: dict[str, tuple[Crop, np.ndarray]]) -> dict[str, Any]:
    crop, pixels = crops["portrait"]
    return {
        "crop": asdict(crop),
        "face_in_crop": _inside(verdict, crop),
        "side": len(pixels),
        "more_scales": [scale for scale in crops if scale != "portrait"],
    }


def _held_out(good: Sequence[Verdict]) -> Verdict:
    """The photo with the middle face score: neither the best teacher nor a misfit."""
    return sorted(good, key=lambda verdict: verdict.face.score)[len(good) // 2]


def _inside(verdict: Verdict, crop: Crop) -> list[float]:
    """The face's box (x, y, width, height) as shares of the crop's side."""
    face = verdict.face
    corner = ((face.x - crop.x) / crop.side, (face.y - crop.y) / crop.side)
    return [*corner, face.width / crop.side, face.height / crop.side]


def _report(judged: SetVerdict, looks: Sequence[Look], outputs: Path, crops: dict[int, dict[str, Any]]) -> None:
    (outputs / "thumbnail").mkdir(parents=True)
    for look in looks:
        if look.thumbnail is not None:
            look.thumbnail.save(outputs / "thumbnail" / f"{look.verdict.number:03d}.jpg", quality=85)
    photos = [verdict.told() | crops.get(verdict.number, {}) for verdict in judged.photos]
    (outputs / "report.json").write_text(json.dumps({"photos": photos, "set": judged.told()}, indent=1))
