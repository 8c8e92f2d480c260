"""Verdicts for tests of sets: of drawn people's photos, of changed ones, and made up from an identity alone."""

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image

from gpu_worker.faces import Face
from gpu_worker.gate.findings import finding
from gpu_worker.gate.photo import PhotoLimits, Verdict, judge_photo
from gpu_worker.gate.photo_set import SetVerdict

SAMPLES = Path("gpu_worker/base_models/pocket/people/samples")
DRAWN = 0.68  # drawn people look more alike than photographs


def of(who: str, *numbers: int, start: int = 1) -> list[Verdict]:
    """The sample customer's photos of these numbers, numbered from `start`."""
    paths = [SAMPLES / who / f"photo-{number}.jpg" for number in numbers]
    return [judge_photo(path, place, PhotoLimits())[0] for place, path in enumerate(paths, start)]


def sample(who: str, number: int) -> Image.Image:
    with Image.open(SAMPLES / who / f"photo-{number}.jpg") as photo:
        return photo.convert("RGB")


def judged(photo: Image.Image, number: int) -> Verdict:
    """The verdict on this photo, losslessly stored."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{number:03d}-photo.png"
        photo.save(path, compress_level=1)
        return judge_photo(path, number, PhotoLimits())[0]


def turned(photo: Image.Image, degrees: float) -> Image.Image:
    """Turned about its middle, corners filled with what lies beside them."""
    middle = (photo.width / 2, photo.height / 2)
    turn = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    return Image.fromarray(cv2.warpAffine(np.asarray(photo), turn, photo.size, borderMode=cv2.BORDER_REFLECT))


def made_up(number: int, identity: np.ndarray | None = None, refused: str = "", seed: int = 0) -> Verdict:
    """A photo of noise, like no other's of another number and seed, with a face of this identity in its middle."""
    if refused:
        return Verdict(number, "x", (finding(refused, f"photo {number}", 1),))
    rng = np.random.default_rng([seed, number])
    noise = cv2.resize(rng.integers(0, 256, (16, 16, 3), np.uint8), (64, 64), interpolation=cv2.INTER_NEAREST)
    face = Face(40, 30, 20, 25, 0.9, ((45, 40), (55, 40), (50, 45), (46, 50), (54, 50)))
    own = identity if identity is not None else np.eye(128, dtype=np.float32)[0]
    scores = {"blur": 0.5 - number / 100, "turn": 0.3 * number, "tilt": 0.0, "highlights": 100.0 + 9 * number}
    return Verdict(number, "x", (), (100, 100), (face,), noise, own, scores)


def alike(cosines: np.ndarray) -> list[np.ndarray]:
    """Identities with exactly these cosines to each other."""
    rows = np.linalg.cholesky(cosines)
    return [np.asarray(np.pad(row, (0, 128 - len(row))), np.float32) for row in rows]


def codes(judgement: SetVerdict) -> dict[int, list[str]]:
    """The codes of every photo that has some."""
    return {photo.number: [found.code for found in photo.findings] for photo in judgement.photos if photo.findings}


def hard(judgement: SetVerdict) -> list[str]:
    """The codes that refuse the set."""
    return [found.code for found in judgement.findings if found.hard]
