"""A page of ten styles, each drawn with a subject's weights and by the base model alone, for people to look at.

Run by `python -m tests.benchmarks.styles INPUTS OUT.jpg`; INPUTS holds a subject in train/, as a job of kind `train` or
`make bench` with --out leaves it. Same prompts, same seeds; what was rejected on the way and drawn again is printed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from gpu_worker.contact_sheet import contact_sheet
from gpu_worker.generate import GenerateConfig, generate_images
from gpu_worker.prompts import style_file, style_names

STYLES, IMAGES = 10, 4
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--class-noun", default="woman", help="for the base model's people")
    given = parser.parse_args()
    suited = [name for name in style_names() if name != "demo" and "pocket" in style_file(name).base_models]
    with tempfile.TemporaryDirectory() as folder:
        rows = [_row(name, given.inputs, Path(folder), given.class_noun) for name in suited[:STYLES]]
        contact_sheet(rows).save(given.out, quality=88)


def _row(name: str, inputs: Path, folder: Path, class_noun: str) -> tuple[str, list[Path]]:
    """The style twice: with the subject, and without."""
    shown = []
    for whose, source in (("subject", inputs), ("base model", folder / "nobody")):
        outputs = folder / f"{name} {whose}"
        outputs.mkdir()
        generate_images(source, outputs, GenerateConfig(style=name, class_noun=class_noun, seed=SEED))
        told = json.loads((outputs / "images.json").read_text())
        print(f"{name}, {whose}: {told['delivery']}", flush=True)
        shown += sorted(outputs.glob("*.png"))[:IMAGES]
    return f"{style_file(name).title}: with the subject's weights, and the base model alone", shown


if __name__ == "__main__":
    main()
