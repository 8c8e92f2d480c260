"""A record followed: the stage `generate` once more with the recorded settings, and both results compared.

Nothing is written beside the new images; whether a difference matters is for people to say.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_worker.errors import WorkError
from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.images import read_rgb
from gpu_worker.provenance.record import RECORD, MadeBy, read_record
from gpu_worker.stage import OnStep


@dataclass(frozen=True)
class Redrawn:
    """`files`: file → whether its pixels came out the same; `differences`: what the runs did not share."""

    files: dict[str, bool]
    differences: list[str]

    @property
    def same(self) -> bool:
        return bool(self.files) and all(self.files.values())


def redraw(
    record: Path,
    inputs: Path,
    outputs: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    on_step: OnStep | None = None,
) -> Redrawn:
    """Draw the images of `record`, an images.json of the stage `generate` with its images beside it, into `outputs`.

    `inputs` is the stage's own: a folder with train/ when there was a subject. `changes` replace recorded settings,
    such as a base model's folder that lies elsewhere on this machine. Pixels are compared by SHA-256. Raises WorkError
    when the record is too old or of enlarged images, and what the stage raises.
    """
    made_by = _made_by(record)
    config = GenerateConfig.from_params(made_by.settings | dict(changes or {}))
    generate_images(inputs, outputs, config, on_step=on_step)
    again = read_record(outputs / RECORD)
    names = [image["file"] for image in read_record(record).images]
    files = {name: _pixels(record.parent / name) == _pixels(outputs / name) for name in names}
    return Redrawn(files, list(_differences(made_by, again.made_by)))


def _made_by(file: Path) -> MadeBy:
    try:
        record = read_record(file)
    except (OSError, ValueError) as error:
        raise WorkError(f"{file} is no record of images: {error}") from error
    if record.made_by is None:
        raise WorkError(f"{file} does not say how its images were made")
    if any(image.upscaled > 1 for image in record.drawn().values()):
        raise WorkError(f"{file} is of enlarged images: give the one that the stage `generate` wrote")
    return record.made_by


def _pixels(file: Path) -> str | None:
    """None: no such image, which is the same as no other."""
    if not file.is_file():
        return None
    pixels = read_rgb(file)
    return hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _differences(first: MadeBy, second: MadeBy | None) -> Iterator[str]:
    if second is None:
        return
    before, now = _flat(first), _flat(second)
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield f"{name}: {before.get(name)} then, {now.get(name)} now"


def _flat(made_by: MadeBy) -> dict[str, Any]:
    """One level: `base_model.sha256`, `settings.seed`."""
    flat: dict[str, Any] = {}
    for name, value in made_by.model_dump(mode="json").items():
        nested = isinstance(value, dict)
        flat |= {f"{name}.{key}": part for key, part in value.items()} if nested else {name: value}
    return flat
