"""Do real face models accept the drawn people, and all groups of them alike?

`python -m tests.benchmarks.people.faces` draws people whom nothing was tuned on, finds their faces (YuNet), embeds
them (SFace) and prints a table by skin, gender and age: the share of photos in which a face is found at three scores,
how well one person is told from others (the area under the curve, once against everybody, once against people of the
same group alone), and the share of one person's pairs that the threshold accepts. The threshold lets 1 % of strangers
pass; it is set on one half of the people and tried on the other half.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

FIRST_SEED = 2_000_000_000  # above the customers', who lie above every person that pocket learns from
FALSE_ACCEPTS = 0.01
BEHIND = 0.03  # what a group may lie behind all people
SCORES = (0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Seen:
    """What the models say of every photo: all arrays have one row for each."""

    person: np.ndarray  # int (N,)
    groups: dict[str, np.ndarray]  # str (N,), by "skin", "gender", "age"
    score: np.ndarray  # float (N,), 0 where no face was found
    vector: np.ndarray  # float (N, 128), zeros where no face was found


def look(identities: int, views: int, size: int, whole: bool) -> Seen:
    """Draw `identities` people, skins and genders in turn, in `views` photos each, and ask the models.

    `whole` adds hats, lenses and camera faults.
    """
    from gpu_worker.base_models.pocket.people import vocabulary as words
    from gpu_worker.base_models.pocket.people.drawing import draw
    from gpu_worker.base_models.pocket.people.person import Person
    from gpu_worker.base_models.pocket.people.shot import Shot
    from gpu_worker.faces import find_faces
    from gpu_worker.identity import LENGTH, embed_face

    known = words.WHOLE if whole else words.SHIPPED
    rows: list[tuple[int, str, str, str, float, np.ndarray]] = []
    for number in range(identities):
        skin = list(words.SKINS)[number % 5]
        gender = words.GENDERS[number // 5 % 2]
        person = Person.from_seed(FIRST_SEED + number, known, skin=skin, gender=gender)
        for view in range(views):
            shot = Shot.from_seed(person, view, known)
            shot = shot.change(glasses="none") if shot.glasses == "sunglasses" else shot
            image = draw(person, shot, size).image
            faces = find_faces(image)
            vector = embed_face(image, faces[0]) if faces else np.zeros(LENGTH, np.float32)
            rows.append((number, skin, gender, person.age, faces[0].score if faces else 0.0, vector))
    people, skins, genders, ages, scores, vectors = (np.array(column) for column in zip(*rows, strict=True))
    return Seen(people, {"skin": skins, "gender": genders, "age": ages}, scores, vectors)


def pairs(seen: Seen, chosen: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of one person's pairs in `chosen`, and of pairs of two people, one of each of both, bool (N,)."""
    found = seen.score > 0
    alike = seen.vector @ seen.vector.T
    same = seen.person[:, None] == seen.person[None]
    first, second = np.triu_indices(len(alike), 1)
    usable = found[first] & found[second]
    mine = usable & chosen[first] & chosen[second] & same[first, second]
    crossed = (chosen[first] & among[second]) | (among[first] & chosen[second])
    others = usable & crossed & ~same[first, second]
    return alike[first[mine], second[mine]], alike[first[others], second[others]]


def auc(same: np.ndarray, different: np.ndarray) -> float:
    """The chance that one person's pair is more alike than a pair of two (Mann and Whitney, 1947)."""
    ranks = rankdata(np.concatenate([same, different]))
    above = ranks[: len(same)].sum() - len(same) * (len(same) + 1) / 2
    return float(above / (len(same) * len(different)))


def threshold(seen: Seen, chosen: np.ndarray) -> float:
    """The similarity that FALSE_ACCEPTS of the pairs of two people in `chosen` pass."""
    return float(np.quantile(pairs(seen, chosen, chosen)[1], 1 - FALSE_ACCEPTS))


def line(seen: Seen, name: str, chosen: np.ndarray, accept: float) -> dict[str, float | str]:
    """One row of the table."""
    everybody = np.ones(len(chosen), bool)
    same, different = pairs(seen, chosen, everybody)
    _, near = pairs(seen, chosen, chosen)
    found = {f"found {score}": float((seen.score[chosen] >= score).mean()) for score in SCORES}
    figures = {"auc": auc(same, different), "auc own": auc(same, near), "accepted": float((same > accept).mean())}
    return {"group": name, "photos": int(chosen.sum()), **found, **figures, "strangers": float((near > accept).mean())}


def table(seen: Seen) -> tuple[float, list[dict[str, float | str]]]:
    """The threshold, set on every second person, and the rows: everybody of the other half first."""
    tried = seen.person // 10 % 2 == 1 if seen.person.max() >= 19 else seen.person % 2 == 1
    accept = threshold(seen, ~tried)
    rows = [line(seen, "held out", tried, accept), line(seen, "everybody", np.ones(len(tried), bool), accept)]
    for kind, values in seen.groups.items():
        rows += [line(seen, f"{kind}: {value}", values == value, accept) for value in dict.fromkeys(values.tolist())]
    return accept, rows


def behind(rows: Sequence[dict[str, float | str]]) -> list[str]:
    """What lies more than BEHIND below everybody's figure."""
    whole = rows[1]
    names = [f"found {score}" for score in SCORES] + ["auc", "auc own"]
    return [
        f"{row['group']}: {name} {row[name]:.3f} against {whole[name]:.3f}"
        for row in rows[2:]
        for name in names
        if float(row[name]) < float(whole[name]) - BEHIND
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.people.faces", description=__doc__)
    parser.add_argument("--identities", type=int, default=120)
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--size", type=int, default=256, help="pixels")
    parser.add_argument("--whole", action="store_true", help="also hats, lenses and camera faults")
    options = parser.parse_args(arguments)
    started = time.process_time()
    seen = look(options.identities, options.views, options.size, options.whole)
    accept, rows = table(seen)
    names = list(rows[0])
    sys.stdout.write("".join(f"{name:>12}" if number else f"{name:18}" for number, name in enumerate(names)) + "\n")
    for row in rows:
        figures = (f"{row[name]:12.4f}" if isinstance(row[name], float) else f"{row[name]:>12}" for name in names[1:])
        sys.stdout.write(f"{row['group']:18}" + "".join(figures) + "\n")
    for text in behind(rows):
        sys.stdout.write(f"more than {BEHIND:.0%} behind: {text}\n")
    facts = {"bench": "people faces", "threshold": round(accept, 3), "cpu_s": round(time.process_time() - started)}
    sys.stdout.write(json.dumps(facts | {"behind": len(behind(rows)), "auc": round(float(rows[0]["auc"]), 4)}) + "\n")
    return 0 if not behind(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
