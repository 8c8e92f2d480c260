"""How good the samples of one train step are: four numbers in 0..1, more is better, and a share of copies.

Nothing is chosen here, and nothing drawn. Samples are compared with each other and with the subject's photos; what
cannot be measured is None, and `unmeasured` says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from gpu_worker.evidence.adherence import AttributeAdherence
from gpu_worker.evidence.judge import Judge
from gpu_worker.evidence.limits import Limits
from gpu_worker.evidence.references import References, largest_face
from gpu_worker.gate.photo_set import SetLimits
from gpu_worker.images import read_rgb
from gpu_worker.prompts import fill
from gpu_worker.score import IDENTITY, AttributeScorer
from gpu_worker.train.config import TrainConfig

if TYPE_CHECKING:
    from imagehash import ImageHash

BITS = 64  # of a perceptual hash
NO_NETWORK = "No network that compares images with prompts is set up."
UNMEASURED = {  # score → why it is None where all that measures it is there
    "likeness": "No face was found in any sample.",
    "adherence": "The prompts name nothing that can be judged.",
    "diversity": "Only one sample of each prompt was drawn.",
    "distance": "There is no training photo.",
    "copying": "There is no training photo.",
}
COPY_BITS = SetLimits().duplicate_bits  # the gate's: fewer apart are one photo


@dataclass(frozen=True)
class Scores:
    """What the samples of one train step are worth, each in 0..1.

    `likeness`: to the subject; of photographs the mean over samples of the median cosine of SFace's vectors (Zhong et
    al., 2021) to the photos that were held out, a sample without a face counting 0; of pocket's drawings the share of
    hair, skin and beard that the attribute scorer sees alike.
    `adherence`: how much of its prompt a sample shows, mean; see evidence/adherence.py and evidence/clip_adherence.py.
    `diversity`: share of the bits in which the perceptual hashes of two samples of one prompt differ, mean over pairs:
    0 for one image drawn again and again, about 0.5 for images that have nothing in common. It stands in for the DIV
    of Ruiz et al. (arXiv 2208.12242, section 4.3), which takes LPIPS.
    `distance`: share of bits by which a sample differs from the nearest training photo, or its mirror image, mean.
    `copying`: share of samples that the gate would call a repeat of a training photo; less is better.
    """

    likeness: float | None = None
    adherence: float | None = None
    diversity: float | None = None
    distance: float | None = None
    copying: float | None = None
    unmeasured: Mapping[str, str] = field(default_factory=dict)


class Likeness(Protocol):
    """Anything that tells how much samples look like the subject."""

    def of(self, images: Sequence[np.ndarray]) -> float | None:
        """0..1 for RGB images, uint8 (H, W, 3); None when none of them shows anybody to compare."""
        ...


@dataclass(frozen=True)
class FaceLikeness:
    """By the face network; `references` holds at least one face."""

    references: References

    def of(self, images: Sequence[np.ndarray]) -> float | None:
        faces = [largest_face(image) for image in images]
        found = [self.references.likeness(face) for face in faces if face is not None]
        if not found:
            return None
        return sum(max(0.0, cosine or 0.0) for cosine in found) / len(images)


class AttributeLikeness:
    """By what the scorer sees of a drawn person's identity, against what it sees in all of the photos together."""

    def __init__(self, scorer: AttributeScorer, photos: Sequence[np.ndarray]) -> None:
        self.scorer = scorer
        beliefs = scorer.probabilities(np.stack([_small(photo, scorer.side) for photo in photos]))
        self.wanted = {
            name: words[int(beliefs[name].mean(axis=0).argmax())]
            for name, words in scorer.values.items()
            if name in IDENTITY
        }

    def of(self, images: Sequence[np.ndarray]) -> float | None:
        return self.scorer.subject_match(np.stack(images), self.wanted)


class SampleScorer:
    """Scores the samples of one training; opens all networks and photos once."""

    def __init__(self, config: TrainConfig, inputs: Path, outputs: Path) -> None:
        """`inputs` and `outputs` are the stage's; faces.json, where the domain has one, is in `outputs` by now.

        Raises BadWeights when a network that is named is broken.
        """
        judge = Judge.of(config.base_model, outputs, Limits(), config.clip_weights)
        self.adherence = judge.adherence
        self.prompts = [
            fill(text, "", config.class_noun)  # no network but the trained one knows the identifier
            for text in config.validation_prompts
            for _ in range(config.num_validation_images)
        ]
        photos = _photos(inputs, "held_out", "instance")
        self.likeness, self._unlike_why = _likeness(judge, photos)
        taught = [*_photos(inputs, "instance"), *map(read_rgb, sorted((inputs / "matte/made").glob("*.png")))]
        self._taught = [_hash(each) for photo in taught for each in (photo, np.fliplr(photo))]

    @property
    def judges(self) -> bool:
        """Whether anything can be said of likeness or of adherence: without both, nothing is chosen by."""
        return self.likeness is not None or self.adherence is not None

    def score(self, images: Sequence[np.ndarray]) -> Scores:
        """Of the samples that samples.draw() returned."""
        likeness = self.likeness.of(images) if self.likeness else None
        hashes = [_hash(image) for image in images]
        nearest = [min(one - photo for photo in self._taught) for one in hashes] if self._taught else []
        numbers = {
            "likeness": likeness,
            "adherence": self._adherence(images),
            "diversity": self._diversity(hashes),
            "distance": _mean([bits / BITS for bits in nearest]),
            "copying": _mean([float(bits < COPY_BITS) for bits in nearest]),
        }
        why = UNMEASURED | ({"likeness": self._unlike_why} if self._unlike_why else {})
        if self.adherence is None:
            why["adherence"] = NO_NETWORK
        rounded = {name: None if value is None else round(float(value), 4) for name, value in numbers.items()}
        return Scores(**rounded, unmeasured={name: why[name] for name, value in numbers.items() if value is None})

    def _adherence(self, images: Sequence[np.ndarray]) -> float | None:
        if self.adherence is None:
            return None
        pairs = zip(images, self.prompts, strict=True)
        scores = [self.adherence.score(image, prompt) for image, prompt in pairs]
        return _mean([score for score in scores if score is not None])

    def _diversity(self, hashes: "Sequence[ImageHash]") -> float | None:
        """Of samples of one prompt only: two prompts differ whatever was learnt."""
        pairs = combinations(zip(self.prompts, hashes, strict=True), 2)
        return _mean([(one - other) / BITS for (prompt, one), (again, other) in pairs if prompt == again])


def _likeness(judge: Judge, photos: Sequence[np.ndarray]) -> tuple[Likeness | None, str]:
    """What tells likeness in this domain, or why nothing does."""
    if judge.domain.likeness is not None:
        references = judge.references
        return (FaceLikeness(references), "") if len(references.vectors) else (None, references.missing)
    if isinstance(judge.adherence, AttributeAdherence) and photos:
        return AttributeLikeness(judge.adherence.scorer, photos), ""
    return None, "No network is known to tell people apart in such pictures."


def _photos(inputs: Path, *folders: str) -> list[np.ndarray]:
    """The portrait crops of the photos."""
    paths = [path for folder in folders for path in sorted((inputs / "preprocess" / folder).glob("*.png"))]
    return [read_rgb(path) for path in paths if path.stem.isdigit()]


def _small(image: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def _hash(image: np.ndarray) -> "ImageHash":
    """pHash: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2."""
    from imagehash import phash

    return phash(Image.fromarray(np.ascontiguousarray(image)))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
