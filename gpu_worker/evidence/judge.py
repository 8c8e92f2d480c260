"""The judge of one image: measures, compares with the limits, says accepted or rejected and why.

Nothing is drawn again here. Scores of other images are not looked at.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gpu_worker.evidence.adherence import Adherence, AttributeAdherence
from gpu_worker.evidence.findings import Evidence
from gpu_worker.evidence.limits import Domain, Limits, domain_of, domains
from gpu_worker.evidence.references import References
from gpu_worker.evidence.unsafe import unsafe_score
from gpu_worker.faces import Face, find_faces
from gpu_worker.gate.measures import blur, face_pixels
from gpu_worker.identity import embed_face
from gpu_worker.weight_files import hash_beside

WHOLE = 512  # px; long side at which an image without a face is looked at: a face fills 192 px of it
SCORER = "scorer"  # folder of an attribute scorer inside a base model that draws

Scores = dict[str, float | None]


class Judge:
    """Judges the images of one subject, one at a time.

    `unsafe` tells how unsafe an RGB image, uint8 (H, W, 3), is to show, 0..1.
    """

    def __init__(
        self,
        domain: Domain,
        limits: Limits,
        references: References,
        adherence: Adherence | None = None,
        unsafe: Callable[[np.ndarray], float] = unsafe_score,
    ) -> None:
        self.domain, self.limits, self.references = domain, limits, references
        self.adherence, self.unsafe = adherence, unsafe

    @classmethod
    def of(
        cls,
        base_model: str | Path,
        subject: Path | None,
        limits: Limits,
        clip_weights: Path | None = None,
        *,
        painted: bool = False,
    ) -> "Judge":
        """For a base model's folder (or its name in the hub) and a subject's weights folder, None without a subject.

        `painted`: what is drawn is meant to look like no photograph.

        Raises BadWeights when one of them holds something broken.
        """
        adherence = _open_adherence(Path(base_model) / SCORER, clip_weights)
        domain = domains()["painted"] if painted else domain_of(base_model)
        return cls(domain, limits, References.read(subject), adherence)

    def judge(self, image: np.ndarray, prompt: str) -> Evidence:
        """Evidence of an RGB image, uint8 (H, W, 3), drawn for `prompt`, the subject's words filled in.

        Raises BadPrompt for a prompt that cannot be drawn, BadWeights when a network of ours is not there.
        """
        faces = self._faces(image)
        likeness, unlike_why = self._likeness(image, faces)
        scores: Scores = {
            "likeness": likeness,
            "faces": None if faces is None else len(faces),
            "adherence": self.adherence.score(image, prompt) if self.adherence else None,
            "sharpness": 1 - blur(face_pixels(image, faces[0]) if faces else _whole(image)),
            "unsafe": self.unsafe(image),
        }
        why = {
            "likeness": unlike_why,
            "faces": "The detector misses faces in such small drawings.",
            "adherence": self._no_adherence(),
        }
        unmeasured = {name: told for name, told in why.items() if scores[name] is None}
        compared = self.references.told() if likeness is not None else None
        return Evidence(scores, self._codes(scores), unmeasured, self.domain.name, compared)

    def _faces(self, image: np.ndarray) -> list[Face] | None:
        """Everybody in the image, the largest face first; None where faces cannot be found."""
        if not self.domain.faces:
            return None
        found = find_faces(image)
        return [face for face in found if face.area >= self.limits.other_face * found[0].area]

    def _likeness(self, image: np.ndarray, faces: list[Face] | None) -> tuple[float | None, str]:
        """To the subject, or why it cannot be told."""
        if not len(self.references.vectors):
            return None, self.references.missing
        if self.domain.likeness is None or faces is None:
            return None, "No face network is known to tell people apart in such pictures."
        if not faces:
            return None, "No face was found in the image."
        return self.references.likeness(embed_face(image, faces[0])), ""

    def _no_adherence(self) -> str:
        if self.adherence is None:
            return "No network that compares images with prompts is set up."
        return "The prompt names nothing that can be judged."

    def _codes(self, scores: Scores) -> tuple[str, ...]:
        limits, unsafe, faces = self.limits, scores["unsafe"] or 0.0, scores["faces"]
        alike = self.domain.likeness if limits.likeness is None else limits.likeness
        found = {
            "unsafe": unsafe >= limits.unsafe,
            "maybe_unsafe": limits.unsure <= unsafe < limits.unsafe,
            "no_face": limits.one_face and faces == 0,
            "several_faces": limits.one_face and (faces or 0) > 1,
            "unlike": _below(scores["likeness"], alike),
            "blurry": _below(scores["sharpness"], limits.sharpness),
            "off_prompt": _below(scores["adherence"], limits.adherence),
        }
        return tuple(code for code, true in found.items() if true)


def _below(score: float | None, limit: float | None) -> bool:
    return score is not None and limit is not None and score < limit


def _whole(image: np.ndarray) -> np.ndarray:
    import cv2

    scale = WHOLE / max(image.shape[:2])
    return (
        image if scale >= 1 else np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    )


def clip_hash(base_model: str | Path, clip_weights: Path | None) -> str | None:
    """SHA-256 of the CLIP network that tells adherence, as its folder says it; None where none is asked for that."""
    if clip_weights is None or (Path(base_model) / SCORER / "scorer.json").is_file():
        return None
    from gpu_worker.evidence.clip_adherence import WEIGHTS

    return hash_beside(clip_weights / WEIGHTS)


def _open_adherence(scorer: Path, clip_weights: Path | None) -> Adherence | None:
    if (scorer / "scorer.json").is_file():
        from gpu_worker.score import AttributeScorer

        return AttributeAdherence(AttributeScorer.load(scorer))
    if clip_weights is not None:
        from gpu_worker.evidence.clip_adherence import open_clip

        return open_clip(clip_weights)
    return None
