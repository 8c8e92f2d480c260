"""The judge of a set: repeated photos, strangers, too few, too much alike; one sentence of advice.

Each photo on its own was judged before; see photo.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gpu_worker.gate import advice, variety
from gpu_worker.gate.findings import HARD, Finding, finding
from gpu_worker.gate.photo import Verdict
from gpu_worker.identity import robust_mean


class SetLimits(BaseModel):
    """What a set must hold. Identity's limit is SFace's published one for photographs (0.363 on LFW); drawn people
    look more alike and need about 0.68. The limits of near-duplicates were set on drawn people and a few photographs:
    they find 39 of 40 copies (turned by up to 10 degrees, cut by up to a fifth, mirrored, relit, recompressed) and
    refuse none of 507 pairs of different photos of one person.
    """

    model_config = ConfigDict(frozen=True)

    min_photos: int = Field(4, ge=1, description="accepted photos")
    max_photos: int = Field(20, ge=1)
    same_person: float = Field(0.363, ge=-1, le=1, description="cosine to the identity that the photos share")
    duplicate_bits: int = Field(11, ge=0, le=64, description="of 64; fewer apart are one photo; 0 looks for no repeats")
    laid_bits: int = Field(15, ge=0, le=64, description="of 64, faces laid over each other and as alike as same_shot")
    same_shot: float = Field(0.9, ge=-1, le=1, description="cosine; photographs of one person lie at 0.5 to 0.8")


@dataclass(frozen=True)
class SetVerdict:
    """What the gate says of the photos together."""

    photos: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    variety: dict[str, float]
    advice: str

    @property
    def accepted(self) -> bool:
        return not any(found.hard for found in self.findings)

    @property
    def good(self) -> list[Verdict]:
        """The accepted photos."""
        return [photo for photo in self.photos if photo.accepted]

    def told(self) -> dict[str, Any]:
        """Plain data: the set without its photos."""
        return {
            "verdict": "accepted" if self.accepted else "refused",
            "accepted": len(self.good),
            "photos": len(self.photos),
            "findings": [found.told() for found in self.findings],
            "variety": {name: round(value, 3) for name, value in self.variety.items()},
            "advice": self.advice,
        }


def judge_set(verdicts: Sequence[Verdict], limits: SetLimits) -> SetVerdict:
    """Look at the photos together; photos that repeat another or show somebody else are refused here.

    When no one person is in more than half of the photos, it is the set that is refused: whom to keep is not ours
    to guess.
    """
    accepted = [photo for photo in verdicts if photo.accepted]
    repeats = variety.repeats(accepted, limits)
    likeness, mixed = _compare([photo for photo in accepted if photo.number not in repeats], limits)
    photos = [_among(photo, repeats, likeness, limits) for photo in verdicts]
    good = [photo for photo in photos if photo.accepted]
    spread = variety.measure(good)
    findings = [*mixed, *_count(photos, good, limits), *variety.findings(spread, len(good))]
    told = advice.sentence(photos, findings, limits.min_photos, limits.max_photos)
    return SetVerdict(tuple(photos), tuple(findings), spread, told)


def _compare(photos: list[Verdict], limits: SetLimits) -> tuple[dict[int, float], list[Finding]]:
    """How like each photo is to the person most of them show, by number; without such a person nothing but why."""
    if len(photos) < 2:
        return {}, []
    likeness = _most_shown(photos, limits)
    if 2 * len(_fitting(photos, likeness, limits)) > len(photos):
        return likeness, []
    people: list[str] = []
    left = photos
    while left:
        likeness = _most_shown(left, limits)
        same = _fitting(left, likeness, limits) or left  # groups that only just came together
        people.append(f"{'another' if people else 'one'} in {advice.listed(same)}")
        left = [photo for photo in left if all(photo is not other for other in same)]
    told = f"Your photos show different people: {', '.join(people)}."
    return {}, [Finding("other_person", HARD, told, "Send one person's photos.")]


def _most_shown(photos: list[Verdict], limits: SetLimits) -> dict[int, float]:
    """By number, how like each photo is to the person whom the most photos show."""
    groups = _groups(photos, limits)
    likenesses = [{photo.number: _likeness(photo, group) for photo in photos} for group in groups]
    return max(likenesses, key=lambda likeness: len(_fitting(photos, likeness, limits)))


def _fitting(photos: list[Verdict], likeness: Mapping[int, float], limits: SetLimits) -> list[Verdict]:
    return [photo for photo in photos if likeness[photo.number] >= limits.same_person]


def _groups(photos: list[Verdict], limits: SetLimits) -> list[list[Verdict]]:
    """The photos by who seems to be in them: groups are joined while their photos are on average as alike as
    `same_person`, so that one chance likeness joins nobody.

    Method: average linkage (Sokal and Michener, "A statistical method for evaluating systematic relationships", 1958).
    """
    if len(photos) == 1:
        return [photos]
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    together = np.stack([_identity(photo) for photo in photos])
    apart = squareform(1 - together @ together.T, checks=False)
    labels = fcluster(linkage(apart, method="average"), 1 - limits.same_person, criterion="distance")
    return [
        [photo for photo, own in zip(photos, labels, strict=True) if own == label] for label in dict.fromkeys(labels)
    ]


def _likeness(photo: Verdict, group: list[Verdict]) -> float:
    """Cosine to the identity that the group shares without this photo; 1 for a group of this photo alone."""
    others = [other for other in group if other is not photo] or [photo]
    return float(_identity(photo) @ robust_mean([_identity(other) for other in others]))


def _among(photo: Verdict, repeats: Mapping[int, int], likeness: Mapping[int, float], limits: SetLimits) -> Verdict:
    """The photo's verdict now that the others are known; a stranger's repeat is a stranger too."""
    if not photo.accepted:
        return photo
    first = repeats.get(photo.number, photo.number)
    if first in likeness:
        photo = replace(photo, scores=photo.scores | {"same_person": likeness[first]})
        if likeness[first] < limits.same_person:
            return _refuse(photo, "other_person")
    return photo if first == photo.number else _refuse(photo, "near_duplicate", first)


def _identity(photo: Verdict) -> np.ndarray:
    assert photo.identity is not None  # faces were found
    return photo.identity


def _refuse(photo: Verdict, code: str, other: int | None = None) -> Verdict:
    return replace(photo, findings=(*photo.findings, finding(code, f"photo {photo.number}", other)))


def _count(photos: list[Verdict], good: list[Verdict], limits: SetLimits) -> list[Finding]:
    if len(photos) > limits.max_photos:
        told = f"We take up to {limits.max_photos} photos and got {len(photos)}."
        return [Finding("too_many_photos", HARD, told, "Leave out the weakest.")]
    if len(good) < limits.min_photos:
        told = f"We can use {len(good)} of {len(photos)} photos and need {limits.min_photos}."
        return [Finding("too_few_photos", HARD, told, "Add more photos of the same person.")]
    return []
