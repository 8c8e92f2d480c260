"""`python -m gpu_worker.evidence.calibrate FOLDER`: from which cosine on are two faces one person's, in such pictures?

FOLDER has a subfolder for each person. Half of the people set the threshold, the other half test it; what is printed
as JSON belongs into domains.json. Nothing is written.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpu_worker.errors import BadPhotos
from gpu_worker.evidence.references import largest_face
from gpu_worker.images import read_photo

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic")
REPEATS = 1000  # of the bootstrap
LEAST = 4  # people; two in each half make impostors

People = list[np.ndarray]  # of each person the faces' vectors, float32 (N, 128)


def embed_people(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The largest face of each picture, float32 (N, 128) by person, and how many pictures held none or were broken."""
    people, counts = {}, {"pictures": 0, "without_face": 0, "unreadable": 0}
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        vectors = []
        for path in sorted(path for path in person.iterdir() if path.suffix.lower() in SUFFIXES):
            counts["pictures"] += 1
            try:
                vector = largest_face(np.asarray(read_photo(path, path.name)))
            except BadPhotos:
                counts["unreadable"] += 1
                continue
            counts["without_face"] += vector is None
            vectors += [] if vector is None else [vector]
        if len(vectors) > 1:
            people[person.name] = np.stack(vectors)
    return people, counts


def calibrate(people: Sequence[np.ndarray], groups: Sequence[str], accepts: float, seed: int = 0) -> dict[str, Any]:
    """The cosine that `accepts` of the impostors reach among every other person, tried on the people between them.

    `people` holds each one's vectors, float32 (N, 128) of length 1, N at least 2; impostors are pairs of people with
    equal words in `groups`. The rate of false accepts comes with a 95 % interval, bootstrapped by person since pairs
    that share one are not independent (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
    Raises ValueError when a half has no impostors.
    """
    setting, testing = (_Half(list(people[n::2]), list(groups[n::2])) for n in (0, 1))
    threshold = float(np.quantile(setting.impostors, 1 - accepts, method="higher"))
    low, high = testing.interval(threshold, seed)
    return {
        "threshold": round(threshold, 3),
        "false_accepts": round(float((testing.impostors >= threshold).mean()), 4),
        "false_accepts_95": [round(low, 4), round(high, 4)],
        "auc": round(_auc(testing.genuine, testing.impostors), 4),
        "genuine_pass": round(float((testing.genuine >= threshold).mean()), 4),
        "genuine_pass_to_all": round(float((testing.to_all >= threshold).mean()), 4),
        "people": [len(people[0::2]), len(people[1::2])],
        "impostor_pairs": [len(setting.impostors), len(testing.impostors)],
        "genuine_pairs": len(testing.genuine),
    }


class _Half:
    """Cosines between the faces of some people.

    `impostors` and `genuine`: of two pictures; `to_all`: of each picture the median to the person's others, as the
    judge compares with several photos.
    """

    def __init__(self, people: People, groups: list[str]) -> None:
        self._cosines = {
            (a, b): (people[a] @ people[b].T).ravel()
            for a in range(len(people))
            for b in range(a + 1, len(people))
            if groups[a] == groups[b]
        }
        if not self._cosines:
            raise ValueError(f"too few people, {LEAST} are needed, or none of one group")
        self._count = len(people)
        self.impostors = np.concatenate(list(self._cosines.values()))
        own = [vectors @ vectors.T for vectors in people]
        self.genuine = np.concatenate([cosines[np.triu_indices(len(cosines), 1)] for cosines in own])
        self.to_all = np.array([np.median(np.delete(row, n)) for cosines in own for n, row in enumerate(cosines)])

    def interval(self, threshold: float, seed: int) -> tuple[float, float]:
        """95 % interval of the rate of impostors at or above the threshold."""
        pairs = np.array(list(self._cosines))
        accepted = np.array([(cosines >= threshold).sum() for cosines in self._cosines.values()])
        sizes = np.array([len(cosines) for cosines in self._cosines.values()])
        rng, rates = np.random.default_rng(seed), []
        for _ in range(REPEATS):
            drawn = np.bincount(rng.integers(0, self._count, self._count), minlength=self._count)
            weights = drawn[pairs[:, 0]] * drawn[pairs[:, 1]]
            if weights.any():
                rates.append(float(weights @ accepted / (weights @ sizes)))
        low, high = np.quantile(rates, (0.025, 0.975))
        return float(low), float(high)


def _auc(genuine: np.ndarray, impostors: np.ndarray) -> float:
    """Chance that a genuine pair is more alike than an impostor's; ties count half."""
    ordered = np.sort(impostors)
    below = np.searchsorted(ordered, genuine, "left") + np.searchsorted(ordered, genuine, "right")
    return float(below.mean() / 2 / len(ordered))


def _groups(folder: Path, names: Sequence[str], key: str | None) -> list[str]:
    """What FOLDER/<person>/attributes.json says under `key`; all alike without one. Raises KeyError, OSError."""
    if key is None:
        return [""] * len(names)
    return [str(json.loads((folder / name / "attributes.json").read_text())[key]) for name in names]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.evidence.calibrate", description=__doc__)
    parser.add_argument("folder", type=Path, help="a subfolder for each person")
    parser.add_argument("--accepts", type=float, default=0.01, help="share of impostors that may pass")
    parser.add_argument("--alike", metavar="KEY", help="impostors share this value of their attributes.json")
    given = parser.parse_args(arguments)
    people, counts = embed_people(given.folder)
    try:
        groups = _groups(given.folder, list(people), given.alike)
        told = calibrate(list(people.values()), groups, given.accepts)
    except (ValueError, KeyError, OSError) as error:
        sys.stderr.write(f"nothing to calibrate on in {given.folder}: {error}\n")
        return 1
    sys.stdout.write(json.dumps({**counts, "alike": given.alike, "accepts": given.accepts, **told}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
