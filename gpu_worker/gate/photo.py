"""The judge of one photo: what it shows, what is wrong with it, with scores and boxes.

The other photos of the set are not looked at here, and nothing is cropped.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gpu_worker.crops import square
from gpu_worker.errors import BadPhotos
from gpu_worker.faces import Face
from gpu_worker.gate import measures
from gpu_worker.gate.findings import Finding, finding
from gpu_worker.gate.upright import find_upright, roll
from gpu_worker.identity import embed_face
from gpu_worker.photo_decoder import decode_photo

SIGHT = 256  # px; portraits are compared at this size


class PhotoLimits(BaseModel):
    """Where a photo stops being good enough. Tuned on public-domain portraits and on drawn people, degraded in
    steps; see tests/benchmarks/photos.py for what they let through.
    """

    model_config = ConfigDict(frozen=True)

    min_face: int = Field(64, description="px of face height; fewer hold no likeness")
    soft_face: int = Field(100, description="px of face height; base models of 512 px enlarge what is smaller")
    rival_area: float = Field(0.5, description="a second face this large against the first leaves open who is meant")
    other_area: float = Field(0.1, description="a face this large is somebody, smaller ones are passers-by")
    edge: float = Field(0.02, description="face sizes between the face and the photo's edge; less, and it is cut off")
    soft_blur: float = 0.62
    blur: float = Field(0.72, description="a Gaussian blur of about 2 px on a face of 192 px")
    dark: float = Field(60, description="highlights of the face, 0..255")
    white: float = Field(0.2, description="share of the face that is white")
    span: float = Field(40, description="from the face's shadows to its highlights, 0..255")
    soft_eyes: float = Field(0.74, description="brightness around the eyes over that of the cheeks")
    eyes: float = Field(0.6, description="brightness around the eyes over that of the cheeks")
    eye_contrast: float = Field(0.45, description="darkest to brightest around the eyes, over the cheeks' brightness")
    soft_turn: float = Field(0.55, description="eye distances; a head turned by 40 degrees")
    turn: float = Field(0.9, description="a head turned by 60 degrees")
    tilt: float = Field(30, description="degrees of roll")
    raised: float = Field(0.42, description="the nose's place between eyes and mouth")
    lowered: float = Field(0.75, description="the nose's place between eyes and mouth")
    colour: float = Field(0.018, description="colours beside one tint, against the highlights")
    smooth: float = Field(0.6, description="luma levels of detail on the cheeks")


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one photo.

    `size` is (width, height) upright, None when the photo could not be read; boxes are in its pixels.
    `sight` (RGB, uint8 (SIGHT, SIGHT, 3), head and shoulders) and `identity` (float32 (128,), length 1) are for
    comparing photos only and are never written down.
    """

    number: int
    source: str
    findings: tuple[Finding, ...]
    size: tuple[int, int] | None = None
    faces: tuple[Face, ...] = ()
    sight: np.ndarray | None = field(default=None, repr=False)
    identity: np.ndarray | None = field(default=None, repr=False)
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return not any(found.hard for found in self.findings)

    @property
    def face(self) -> Face:
        """The subject's. Raises IndexError when no face was found."""
        return self.faces[0]

    @property
    def sentences(self) -> list[str]:
        return [found.sentence for found in self.findings]

    def told(self) -> dict[str, Any]:
        """The verdict as plain data, for reports and rows; the subject's face comes first."""
        return {
            "number": self.number,
            "source": self.source,
            "verdict": "accepted" if self.accepted else "refused",
            "size": self.size,
            "findings": [found.told() for found in self.findings],
            "faces": [_told(face) for face in self.faces],
            "scores": {name: round(value, 3) for name, value in self.scores.items()},
        }


def judge_photo(path: Path, number: int, limits: PhotoLimits, name: str = "") -> tuple[Verdict, np.ndarray | None]:
    """Decode the photo and judge what it shows; never raises for what a customer sent.

    Beside the verdict comes the photo upright, RGB, uint8 (H, W, 3), None when it could not be read.

    Sentences call it `name`, "photo `number`" without one.
    """
    name = name or f"photo {number}"
    try:
        pixels = decode_photo(path, name)
    except BadPhotos as refusal:
        worded = finding(refusal.code, name)
        return Verdict(number, path.name, (Finding(worded.code, True, refusal.sentence, worded.advice),)), None
    return judge_pixels(pixels, number, path.name, limits, name)


def judge_pixels(
    pixels: np.ndarray, number: int, source: str, limits: PhotoLimits, name: str = ""
) -> tuple[Verdict, np.ndarray]:
    """Judge a decoded photo, RGB, uint8 (H, W, 3); see judge_photo()."""
    name = name or f"photo {number}"
    turns, faces = find_upright(pixels)
    pixels = np.ascontiguousarray(np.rot90(pixels, turns))
    size = (pixels.shape[1], pixels.shape[0])
    if not faces:
        return Verdict(number, source, (finding("no_face", name),), size), pixels
    scores = _scores(pixels, faces[0])
    codes = [*(["sideways"] if turns else []), *_company(faces, limits), *_place(faces[0], pixels.shape, limits)]
    if faces[0].height >= limits.min_face:
        codes += _look(scores, limits)
    findings = tuple(finding(code, name) for code in codes)
    identity, sight = embed_face(pixels, faces[0]), square(size, faces[0]).cut(pixels, SIGHT)
    return Verdict(number, source, findings, size, faces, sight, identity, scores), pixels


def _scores(pixels: np.ndarray, face: Face) -> dict[str, float]:
    close = measures.face_pixels(pixels, face)
    highlights, white, span = measures.light(close)
    eyes, contrast = measures.eyes_seen(pixels, face)
    return {
        "face": face.score,
        "blur": measures.blur(close),
        "highlights": highlights,
        "white": white,
        "span": span,
        "colour": measures.colourfulness(close) / max(1.0, highlights),
        "eyes": eyes,
        "eye_contrast": contrast,
        "detail": measures.fine_detail(pixels, face),
        "turn": face.turn,
        "nod": face.nod,
        "tilt": roll(pixels, face),
    }


def _company(faces: tuple[Face, ...], limits: PhotoLimits) -> list[str]:
    rivals = [face.area / faces[0].area for face in faces[1:]]
    if any(area > limits.rival_area for area in rivals):
        return ["several_people"]
    return ["others_in_photo"] if any(area > limits.other_area for area in rivals) else []


def _place(face: Face, shape: tuple[int, ...], limits: PhotoLimits) -> list[str]:
    if face.height < limits.min_face:
        return ["face_too_small"]
    height, width = shape[:2]
    gaps = (face.x, width - face.x - face.width, face.y, height - face.y - face.height)
    small = ["face_small"] if face.height < limits.soft_face else []
    return ["face_cut_off", *small] if min(gaps) < limits.edge * face.height else small


def _look(scores: dict[str, float], limits: PhotoLimits) -> list[str]:
    """Light first: in the dark the other measures mean nothing. Blurred or turned far, eyes say nothing."""
    if scores["highlights"] < limits.dark:
        return ["too_dark"]
    far, blurry = _turned_too_far(scores, limits), scores["blur"] > limits.blur
    eyes = not far and not blurry
    covered = eyes and _eyes_covered(scores, limits)
    worst_first = (
        ("too_bright", scores["white"] > limits.white),
        ("low_contrast", scores["span"] < limits.span),
        ("blurry", blurry),
        ("slightly_blurry", limits.soft_blur < scores["blur"] <= limits.blur),
        ("extreme_pose", far),
        ("turned_away", limits.soft_turn < abs(scores["turn"]) <= limits.turn),
        ("eyes_covered", covered),
        ("eyes_shaded", scores["eyes"] < limits.soft_eyes and eyes and not covered),
        ("greyscale", scores["colour"] < limits.colour),
        ("filtered", scores["detail"] < limits.smooth and scores["blur"] < limits.soft_blur),
    )
    return [code for code, wrong in worst_first if wrong]


def _turned_too_far(scores: dict[str, float], limits: PhotoLimits) -> bool:
    level = limits.raised <= scores["nod"] <= limits.lowered
    return abs(scores["turn"]) > limits.turn or abs(scores["tilt"]) > limits.tilt or not level


def _eyes_covered(scores: dict[str, float], limits: PhotoLimits) -> bool:
    """Dark glasses darken, mirrored ones and hands leave nothing to see."""
    return scores["eyes"] < limits.eyes or scores["eye_contrast"] < limits.eye_contrast


def _told(face: Face) -> dict[str, Any]:
    return {name: value for name, value in asdict(face).items() if name != "landmarks"}
