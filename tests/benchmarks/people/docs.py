"""docs/bench-people.md and the verdict, written from the results and never by hand. Nothing is measured here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.people.course import CEILING, PROMPTS, STRANGERS, VAE, Course
from tests.benchmarks.people.faces import FALSE_ACCEPTS
from tests.benchmarks.people.prompted import GOAL
from tests.benchmarks.quality_customers import PHOTOS
from tests.benchmarks.quality_intervals import interval
from tests.benchmarks.quality_recipes import BASE, OURS
from tests.benchmarks.quality_results import Line
from tests.benchmarks.quality_table import markdown

FILE = Path("docs/bench-people.md")
COLUMNS = {
    "faces": "faces found",
    "likeness_2": "likeness rate",
    "adherence": "adherence",
    "diversity": "diversity",
    "drift": "drift (less is better)",
    "copy_distance": "distance to photos",
}
OF_CEILING, OF_BASE = 0.5, 5.0  # what the subject's likeness rate must be of the ceiling's and of the base model's
LEAST_ADHERENCE = 0.7
LEAST_FACES, LEAST_RIGHT = 0.9, 0.85  # of the base model's own images
TEXT = """# Drawn people, as a face network sees them

Written by `make bench-people`; base model `{base}`, {side} px. {customers} drawn customers whom no tuning saw, {photos}
photos each through the stages preprocess and matte; {prompts} prompts, {images} images of each with the same seeds for
all rows, none thrown away. Means over customers with 95 % bootstrap intervals. These are computer-drawn people.

- **ceiling**: photos that the customers did not send, through the VAE and back: no image can be better.
- **base**: no training, the class noun stands for the subject.
- **subject**: the defaults of `gpu_worker/train/defaults.py`, with the checkpoint that the trainer chose.

{main}

Faces found: share of images in which YuNet finds one. Likeness rate: share of images whose SFace vector has a mean
cosine above {threshold:.3f} to those of the customer's photos, seen at {side} px; {accepts:.0%} of the photos of
{strangers} strangers pass that. Of untouched photos of those strangers {untouched:.1%} are accepted as themselves, and
{ceiling:.1%} after the VAE. Adherence: share of garment, its colour, scene and glasses that are as the prompt asks, by
the attribute scorer. Diversity: share of bits in which the perceptual hashes of two images of one prompt differ. Drift:
images of the class noun alone, the same seeds before and after; how far what the scorer believes of them moved on
average. Distance to photos: share of bits to the nearest photo.

## The base model and its prompts

{count} captions of people who were never drawn, one image each; shares that are as the caption says. The last column is
the mean of {goal}.

{told}

## Verdict

{verdict}

```
{line}
```
"""


def verdict(course: Course) -> tuple[dict[str, Any], list[str]]:
    """The benchmark's last line, and a sentence for each goal that is missed. Raises LookupError before all is done."""
    ceiling, base, subject = (_mean(course.lines(recipe), "likeness_2") for recipe in (CEILING, BASE, OURS))
    adherence, drift = (_mean(course.lines(OURS), name) for name in ("adherence", "drift"))
    own = course.lines(PROMPTS)[0]
    goals = {
        f"the subject's likeness rate {subject} is less than half of the ceiling's {ceiling}": subject
        >= OF_CEILING * ceiling,
        f"the subject's likeness rate {subject} is less than five times the base model's {base}": subject
        >= OF_BASE * base,
        f"adherence is {adherence}, the goal is {LEAST_ADHERENCE}": adherence >= LEAST_ADHERENCE,
        f"faces are found in {own['faces']} of the base model's images": own["faces"] >= LEAST_FACES,
        f"{own['right']} of what captions ask for is drawn": own["right"] >= LEAST_RIGHT,
    }
    line = {"ceiling": ceiling, "base": base, "subject": subject, "adherence": adherence, "drift": drift}
    return {"bench": "people", **line}, [sentence for sentence, reached in goals.items() if not reached]


def main_table(course: Course) -> str:
    rows = {"ceiling": CEILING, "base": BASE, "subject": OURS}
    cells = [[name, *(_cell(course.lines(recipe), column) for column in COLUMNS)] for name, recipe in rows.items()]
    return markdown(["", *COLUMNS.values()], cells)


def prompts_table(course: Course) -> str:
    told = course.lines(PROMPTS)[0]
    names = [name for name, value in told.items() if isinstance(value, float) and name != "right"]
    cells = [f"{told[name]:.3f}" for name in (*names, "right")]
    return markdown([*(name.replace("_", " ") for name in names), "mean"], [cells])


def write(course: Course, folder: Path) -> Path:
    """Fill TEXT into `folder`/docs/bench-people.md. Raises LookupError before all is measured."""
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(text(course))
    return path


def text(course: Course) -> str:
    """The whole page."""
    plan, seen = course.plan, course.lines(VAE)[0]
    line, missed = verdict(course)
    return TEXT.format(
        base=plan.base_hash[:12],
        side=seen["side"],
        customers=len(plan.scale.test),
        photos=PHOTOS,
        prompts=plan.scale.end.prompts,
        images=plan.scale.end.images,
        main=main_table(course),
        threshold=seen["threshold"],
        accepts=FALSE_ACCEPTS,
        strangers=STRANGERS,
        untouched=seen["untouched"],
        ceiling=seen["ceiling"],
        count=course.lines(PROMPTS)[0]["images"],
        goal=", ".join(name.replace("_", " ") for name in GOAL),
        told=prompts_table(course),
        verdict="\n".join(f"- Missed: {sentence}." for sentence in missed) or "All goals are reached.",
        line=json.dumps(line, separators=(",", ":")),
    )


def _cell(lines: Sequence[Line], name: str) -> str:
    values = [line[name] for line in lines if line.get(name) is not None]
    return str(interval(values)) if values else "-"


def _mean(lines: Sequence[Line], name: str) -> float:
    return round(float(np.mean([line[name] for line in lines])), 3)
