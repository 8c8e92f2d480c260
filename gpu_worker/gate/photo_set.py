"""The judge of a set: repeated photos, strangers, too few, too much alike; one sentence of advice.

Each photo on its own was judged before; see photo.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gpu_worker.gate import advice, variety
from gpu_worker.gate.findings import Finding, finding
from gpu_worker.gate.photo import Verdict
from gpu_worker.identity import robust_mean


class SetLimits(BaseModel):
    """What a set must hold. Identity's limit is SFace's published one for photographs (0.363 on LFW); drawn people
    look more alike and need about 0.68.
    """

    model_config = ConfigDict(frozen=True)

    min_photos: int = Field(4, ge=1, description="accepted photos")
    max_photos: int = Field(20, ge=1)
    same_person: float = Field(0.363, ge=-1, le=1, description="cosine to the identity that the photos share")
    duplicate_bits: int = Field(11, ge=0, le=64, description="of 64; fewer apart are nearly the same, 0 is off")


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
    """Look at the photos together; photos that repeat another or show somebody else are refused here."""
    photos = _without_strangers(_without_repeats(list(verdicts), limits), limits)
    good = [photo for photo in photos if photo.accepted]
    spread = variety.measure([_sight(photo) for photo in good], [photo.scores for photo in good])
    findings = [*_count(photos, good, limits), *variety.findings(spread, len(good))]
    told = advice.sentence(photos, findings, limits.min_photos)
    return SetVerdict(tuple(photos), tuple(findings), spread, told)


def _without_repeats(photos: list[Verdict], limits: SetLimits) -> list[Verdict]:
    """Of two that are nearly the same the sharper one stays. Compared by perceptual hash of the portrait, so that
    another crop or another size of a photo is still the same photo."""
    from imagehash import phash
    from PIL import Image

    hashes = {photo.number: phash(Image.fromarray(_sight(photo))) for photo in photos if photo.accepted}
    kept = {photo.number: photo for photo in photos}
    for one, other in combinations(hashes, 2):
        if kept[one].accepted and kept[other].accepted and hashes[one] - hashes[other] < limits.duplicate_bits:
            sharper, repeat = sorted((kept[one], kept[other]), key=lambda photo: photo.scores["blur"])
            kept[repeat.number] = _refuse(repeat, "near_duplicate", sharper.number)
    return [kept[photo.number] for photo in photos]


def _without_strangers(photos: list[Verdict], limits: SetLimits) -> list[Verdict]:
    """With fewer than three there is no majority to go by; then _count() has the word."""
    known = [photo.identity for photo in photos if photo.accepted and photo.identity is not None]
    if len(known) < 3:
        return photos
    shared = robust_mean(known)
    return [_likened(photo, shared, limits) if photo.accepted else photo for photo in photos]


def _likened(photo: Verdict, shared: np.ndarray, limits: SetLimits) -> Verdict:
    assert photo.identity is not None
    likeness = float(photo.identity @ shared)
    scored = replace(photo, scores=photo.scores | {"same_person": likeness})
    return scored if likeness >= limits.same_person else _refuse(scored, "other_person")


def _sight(photo: Verdict) -> np.ndarray:
    assert photo.sight is not None  # faces were found
    return photo.sight


def _refuse(photo: Verdict, code: str, other: int | None = None) -> Verdict:
    return replace(photo, findings=(*photo.findings, finding(code, f"photo {photo.number}", other)))


def _count(photos: list[Verdict], good: list[Verdict], limits: SetLimits) -> list[Finding]:
    if len(photos) > limits.max_photos:
        told = f"We take up to {limits.max_photos} photos and got {len(photos)}."
        return [Finding("too_many_photos", True, told, "Leave out the weakest.")]
    if len(good) < limits.min_photos:
        told = f"We can use {len(good)} of {len(photos)} photos and need {limits.min_photos}."
        return [Finding("too_few_photos", True, told, "Add more photos of the same person.")]
    if len(good) == 2 and float(good[0].identity @ good[1].identity) < limits.same_person:  # type: ignore[operator]  # faces were found
        return [Finding("other_person", True, "The two photos show different people.", "Send one person's photos.")]
    return []
