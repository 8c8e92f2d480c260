"""Draws the styles' previews: `python -m tools.draw_previews [--base-model FOLDER] [STYLE ...]`.

Pocket's go into the package; those of another base model go where PHOTOGEN_STYLE_PREVIEWS says. No subject is drawn:
the people are the base model's own.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from PIL import Image

from gpu_worker.base_models.folders import is_pocket
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.prompts import Family, Style, load_style, style_file, style_names
from photogen_tasks.config import settings

MAX_BYTES = 12_000  # each: a page shows them all
SIDE = 128  # px, of one image in a preview: what pocket draws
SHOWN = 4  # prompts, two in a row
SEED = 11
# Made up, in words that pocket knows; styles take turns.
PEOPLE = (
    "woman with long red hair, pale skin",
    "man with short black hair, tan skin",
    "woman with a black bun, brown skin",
    "man with short blond hair, light skin",
    "woman with a blond bob, tan skin",
    "man with a black afro, dark skin",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.draw_previews", description="Draw the styles' previews.")
    parser.add_argument("styles", nargs="*", metavar="STYLE", help="default: all that suit the base model")
    parser.add_argument("--base-model", default=str(WEIGHTS), help="a local folder; default: pocket")
    given = parser.parse_args(arguments)
    pocket = is_pocket(given.base_model)
    folder = Path(str(resources.files("gpu_worker") / "styles" / "previews")) if pocket else _operators_folder(parser)
    folder.mkdir(parents=True, exist_ok=True)
    family: Family = "pocket" if pocket else "stable-diffusion"
    for number, name in enumerate(style_names()):
        if family in style_file(name).base_models and name in (given.styles or [name]):
            style = load_style(name, family)
            images = _draw(name, style, given.base_model, PEOPLE[number % len(PEOPLE)])
            (folder / f"{name}.jpg").write_bytes(small_jpeg(side_by_side(images)))
            print(folder / f"{name}.jpg", file=sys.stderr)
    return 0


def _operators_folder(parser: argparse.ArgumentParser) -> Path:
    if not settings().style_previews:
        parser.error("set PHOTOGEN_STYLE_PREVIEWS to the folder that the API shows previews from")
    return Path(settings().style_previews)


def _draw(name: str, style: Style, base_model: str, person: str) -> list[Image.Image]:
    """The style's first prompts, one image each."""
    from gpu_worker.generate import GenerateConfig, generate_images

    drawn = ("negative_prompt", "num_inference_steps", "guidance_scale", "sampler", "width", "height")
    config = GenerateConfig(
        base_model=base_model,
        style=name,
        prompts=tuple(prompt.prompt for prompt in style.prompts[:SHOWN]),
        class_noun=person,
        seed=SEED,
        **style.model_dump(include=set(drawn)),
    )
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder)
        generate_images(outputs / "nothing", outputs, config)
        told = json.loads((outputs / "images.json").read_text())["images"]
        return [Image.open(outputs / image["file"]).convert("RGB") for image in told]


def side_by_side(images: Sequence[Image.Image]) -> Image.Image:
    """All of them, cut to squares of SIDE px, two in a row; an odd last one is left out."""
    columns = min(2, len(images))
    rows = len(images) // columns
    sheet = Image.new("RGB", (columns * SIDE, rows * SIDE))
    for at, image in enumerate(images[: rows * columns]):
        edge = min(image.size)
        left = (image.width - edge) // 2  # from the top: that is where faces are
        square = image.crop((left, 0, left + edge, edge)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(square, (at % columns * SIDE, at // columns * SIDE))
    return sheet


def small_jpeg(image: Image.Image) -> bytes:
    """As good as MAX_BYTES allow."""
    for quality in range(90, 0, -5):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
