"""What can be wrong with an image, in words, and the evidence that an image carries.

Only words and records: what is measured, and where the limits lie, is known elsewhere.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SCORES = ("likeness", "faces", "adherence", "sharpness", "unsafe")

# code → whether it rejects, sentence; the worst first, and an image counts under the first that rejects it
REASONS: dict[str, tuple[bool, str]] = {
    "unsafe": (True, "The image may show nudity."),
    "no_face": (True, "No face is to be seen."),
    "several_faces": (True, "More than one face is to be seen."),
    "unlike": (True, "The face does not look enough like the photos."),
    "blurry": (True, "The image is blurred."),
    "off_prompt": (True, "The image does not show what was asked for."),
    "maybe_unsafe": (False, "The filter for nudity is unsure about this image."),
}


@dataclass(frozen=True)
class Evidence:
    """Scores of one image and what follows from them.

    `scores` by name of SCORES: likeness is a cosine in -1..1, faces a count, the others lie in 0..1 (adherence and
    sharpness: more is better; unsafe: less). What could not be measured is None, and `unmeasured` says why; it never
    rejects. `codes` are of REASONS. `compared`: how many photos likeness is to, and whether they were kept from
    training.
    """

    scores: dict[str, float | None]
    codes: tuple[str, ...] = ()
    unmeasured: dict[str, str] = field(default_factory=dict)
    domain: str = "photographs"
    compared: dict[str, Any] | None = None

    @property
    def rejected_for(self) -> str | None:
        """The worst of the codes that reject; None when the image is accepted."""
        return next((code for code in REASONS if code in self.codes and REASONS[code][0]), None)

    @property
    def accepted(self) -> bool:
        return self.rejected_for is None

    @property
    def verdict(self) -> str:
        return "accepted" if self.accepted else "rejected"

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """Code, whether it rejects, sentence; the worst first."""
        return [
            {"code": code, "hard": hard, "sentence": sentence}
            for code, (hard, sentence) in REASONS.items()
            if code in self.codes
        ]

    def told(self) -> dict[str, Any]:
        """Plain data, for images.json and rows."""
        return {
            "verdict": self.verdict,
            "scores": {name: _rounded(self.scores.get(name)) for name in SCORES},
            "reasons": self.reasons,
            "unmeasured": dict(self.unmeasured),
            "domain": self.domain,
            "compared": self.compared,
        }


def delivery(wanted: int, judged: Sequence[Evidence]) -> dict[str, Any]:
    """How many images were wanted, drawn and accepted, and how many rejected by the code that counts for each.

    `judged` holds the evidence of every image that was drawn; accepted ones beyond `wanted` are not counted.
    """
    rejected = Counter(one.rejected_for for one in judged if one.rejected_for)
    accepted = min(wanted, sum(one.accepted for one in judged))
    return {"wanted": wanted, "drawn": len(judged), "accepted": accepted, "rejected": dict(rejected)}


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else round(value, 4)
