"""A job's photos as one sheet: what preprocess and matte left in files, put on the photo sheet.

How the sheet looks is photo_report's business, and nothing is judged here.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gpu_worker.images import read_rgb
from gpu_worker.photo_report import ACCEPTED, REFUSED, WARNED, Box, PhotoEntry, photo_sheet


def job_sheet(preprocess: Path, matte: Path | None = None) -> Image.Image:
    """The photo sheet of the job whose outputs of both stages lie in these folders; RGB. A refused set has no matte."""
    report = json.loads((preprocess / "report.json").read_text())
    entries = [_entry(photo, preprocess, matte) for photo in report["photos"]]
    told = report["set"]
    word = _word(told["verdict"], told["findings"])
    return photo_sheet(entries, word, told["advice"])


def _entry(photo: dict[str, Any], preprocess: Path, matte: Path | None) -> PhotoEntry:
    name = f"{photo['number']:03d}"
    thumbnail = _thumbnail(preprocess / "thumbnail" / f"{name}.jpg")
    scale = 1.0 if thumbnail is None else thumbnail.shape[1] / photo["size"][0]
    faces = [_box(face, scale) for face in photo["faces"]]
    crop = next((path for path in preprocess.glob(f"*/{name}.png")), None)
    square = photo.get("crop")
    return PhotoEntry(
        number=photo["number"],
        photo=thumbnail,
        verdict=_word(photo["verdict"], photo["findings"]),
        sentences=[f"{found['sentence']} {found['advice']}" for found in photo["findings"]],
        subject=faces[0] if faces else None,
        others=faces[1:],
        crop_box=_box(square | {"width": square["side"], "height": square["side"]}, scale) if square else None,
        crop=read_rgb(crop) if crop else None,
        alpha=_alpha(matte / "alpha" / f"{name}.png") if matte else None,
    )


def _word(verdict: str, findings: list[dict[str, Any]]) -> str:
    if verdict == "refused":
        return REFUSED
    return WARNED if findings else ACCEPTED


def _box(found: dict[str, Any], scale: float) -> Box:
    x, y, width, height = (scale * found[name] for name in ("x", "y", "width", "height"))
    return x, y, width, height


def _thumbnail(path: Path) -> np.ndarray | None:
    if not path.is_file():  # it could not be decoded
        return None
    with Image.open(path, formats=("JPEG",)) as image:
        return np.asarray(image.convert("RGB"))


def _alpha(path: Path) -> np.ndarray | None:
    if not path.is_file():
        return None
    with Image.open(path, formats=("PNG",)) as image:
        return np.asarray(image.convert("L"))
