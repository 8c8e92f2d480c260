"""docs/bench-quality.md, written from the results and never by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.quality_customers import PHOTOS
from tests.benchmarks.quality_plan import Plan
from tests.benchmarks.quality_table import equal_table, main_table, search_table, second_opinion, steps_table

FILE = Path("docs/bench-quality.md")
TEXT = """# Quality of the default recipe

Written by `{command}`; base model `{base}`. {customers} drawn customers whom no tuning saw, {photos} photos each, most
of them in one room, through the stages preprocess and matte; {prompts} prompts, {images} images of each with the same
seeds for all recipes, none thrown away. Means over customers with 95 % intervals by Student's t; the last row is
paired.

- **photos**: what the customer's own photos score, the most that images can be expected to.
- **base**: no training, the class noun stands for the subject.
- **base described**: no training, the prompt tells the customer's hair, skin and beard in words: nobody in particular,
  and how much images of one look differ when nothing was learnt by heart.
- **ours**: the defaults of `gpu_worker/train/defaults.py`, with the checkpoint that the trainer chose. On pocket they
  say in each photo's prompt what the attribute scorer sees beside the person, and class images show every scene that
  prompts ask for: ours is taught in the words that the scorer judges by, which only pocket can be; what that brings is
  a row of [ablation.md](ablation.md). The second encoder knows nothing of these words.
- **example**: the recipe of diffusers' `examples/dreambooth/train_dreambooth_lora.py` by its documentation (rank 4, one
  instance prompt, one class prompt, prior weight 1, constant learning rate, photos as they are, text encoder as it is),
  with the learning rate and the number of train steps that a search found, on the same base model with the same batch
  size and resolution.

The drawn people are newer than those that pocket and its scorer learnt from, so that the scorer errs on photos too; six
of the eight customers are men. Results are of one seed.

{main}

Likeness: share of hair colour, hair style, skin and beard that the attribute scorer sees as the customer's; the trainer
chooses checkpoints by it. Likeness by a second encoder that nothing selects by: {second}.
Adherence: share of garment, its colour, scene and glasses that are as the prompt asks. Diversity: share of bits in
which the perceptual hashes of two images of one prompt differ; those of nobody in particular differ most (base), those
of one described look less (base described), and what ours lies below that was learnt by heart. Drift: images of the
class noun alone, the same seeds before and after; the squared distance between what the scorer believes of them on
average, estimated without bias, mean over eight attributes: 0 is no drift, 1 a complete one. Room leaks: share of
images that show the room of the customer's photos where the prompt asks for another scene. Distance to photos: share
of bits to the nearest photo.

## Ours by train step

At the last train step stand the weights that the trainer chose.

{steps}

`steps_to_example_likeness`: {share} of the example's train steps; from there on ours stays at least as like as the
example at its end. At that train step, ours less example:

{equal}

## The searches

Each recipe had the same budget here, on the same tuning customers. Best is what the trainer chooses checkpoints by:
likeness 0.4, adherence 0.3, diversity 0.15, distance to photos 0.15. Ours is measured with its default all the same,
which [ablation.md](ablation.md) decided on three other customers: a budget that the example's documented settings did
not have. A training that diverged delivers nothing and counts 0.

{search}

## Verdict

A goal is reached where the paired interval lies on ours' side of 0.

{verdict}

By the second encoder ours is {opinion} more like the customer than the example.

```
{line}
```
"""


def write(plan: Plan, second: str, line: dict[str, Any], missed: Sequence[str], folder: Path) -> Path:
    """Fill TEXT into `folder`/docs/bench-quality.md. Raises LookupError before all is measured."""
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(text(plan, second, line, missed))
    return path


def text(plan: Plan, second: str, line: dict[str, Any], missed: Sequence[str]) -> str:
    """The whole page."""
    return TEXT.format(
        command="make bench-quality",
        base=plan.base_hash[:12],
        customers=len(plan.scale.test),
        photos=PHOTOS,
        prompts=plan.scale.end.prompts,
        images=plan.scale.end.images,
        main=main_table(plan),
        second=second,
        steps=steps_table(plan),
        share=line["steps_to_example_likeness"],
        search=search_table(plan),
        verdict="\n".join(f"- Missed: {sentence}." for sentence in missed) or "Ours wins on all four.",
        equal=equal_table(plan),
        opinion=second_opinion(plan),
        line=json.dumps(line, separators=(",", ":")),
    )
