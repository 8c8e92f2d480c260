"""Where an image stops being good enough, and what differs between photographs and drawings.

Only numbers and their sources; nothing is measured here. domains.json holds what was calibrated, and how.
"""

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gpu_worker.errors import BadWeights
from gpu_worker.stage import StageConfig

USUAL = "photographs"
FACTS = ("pocket.json", "base_model.json")  # files in which a base model's folder says what its images are


class Domain(BaseModel):
    """A kind of images that the face networks see alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    faces: bool = Field(description="whether the detector finds faces in such images reliably")
    likeness: float | None = Field(None, ge=-1, le=1, description="cosine from which two faces are one person's")
    source: str = Field(description="where the numbers are from")
    calibration: dict[str, Any] = Field(default_factory=dict, description="command and counts")


class Limits(StageConfig):
    """An operator's limits. None takes no image away; but likeness: None takes the domain's own."""

    likeness: float | None = Field(None, ge=-1, le=1, description="cosine; None: the domain's, see domains.json")
    one_face: bool = Field(True, description="one face is expected, as one subject is drawn; False: any number")
    other_face: float = Field(
        0.1, ge=0, le=1, description="area against the largest face, from which a face is somebody; the gate's own"
    )
    sharpness: float | None = Field(
        0.28, ge=0, le=1, description="1 less the gate's limit of blur, 0.72: about 2 px of blur on a face of 192 px"
    )
    unsafe: float = Field(0.8, ge=0, le=1, description="the network's authors: above 0.8 very likely, below 0.2 safe")
    unsure: float = Field(0.5, ge=0, le=1, description="from here to `unsafe` an image is marked and still accepted")
    adherence: float | None = Field(
        None, ge=0, le=1, description="off: scores differ by prompt, so calibrate on your own styles before you set it"
    )


@cache
def domains() -> dict[str, Domain]:
    """All that domains.json knows, by name."""
    told = json.loads((resources.files("gpu_worker.evidence") / "domains.json").read_text())
    return {name: Domain(name=name, **facts) for name, facts in told.items()}


def domain_of(base_model: str | Path) -> Domain:
    """What the images of a base model are; a folder that does not say, and what is no folder, makes photographs.

    Raises BadWeights when the folder names a domain that nobody calibrated, or its file is broken.
    """
    for file in (Path(base_model) / name for name in FACTS):
        if file.is_file():
            return _told(file)
    return domains()[USUAL]


def _told(file: Path) -> Domain:
    try:
        name = json.loads(file.read_bytes()).get("domain", USUAL)
        return domains()[name]
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadWeights(f"{file} is broken: {error}") from error
    except (KeyError, TypeError) as error:
        raise BadWeights(f"{file} names a domain that is none of {', '.join(domains())}: {error}") from error
