"""Contact sheets: rows of pictures side by side, for people to look at. Nothing is judged here."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

TILE = 160  # px; eight beside each other fit a laptop's screen
GAP = 8  # px
LABEL = 22  # px
PICTURES = {".jpg", ".png"}


def contact_sheet(rows: Sequence[tuple[str, Sequence[Path]]]) -> Image.Image:
    """One labelled row of square tiles for each (label, pictures); RGB, uint8."""
    columns = max(len(pictures) for _, pictures in rows)
    width = GAP + columns * (TILE + GAP)
    sheet = Image.new("RGB", (width, len(rows) * (LABEL + TILE + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for number, (label, pictures) in enumerate(rows):
        top = GAP + number * (LABEL + TILE + GAP)
        draw.text((GAP, top), label, fill="black", font=font)
        for column, picture in enumerate(pictures):
            sheet.paste(_tile(picture), (GAP + column * (TILE + GAP), top + LABEL))
    return sheet


def _tile(picture: Path) -> Image.Image:
    with Image.open(picture) as image:
        return image.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m gpu_worker.contact_sheet OUT PHOTOS IMAGES [BASE]`: photos in, images out, without the subject."""
    parser = argparse.ArgumentParser(description="Photos in, images out, side by side.")
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="+", help="photos, images, and the base model's images")
    given = parser.parse_args(arguments)
    labels = ("photos in", "images out", "the same prompts without the subject's weights")
    rows = [
        (label, sorted(path for path in folder.iterdir() if path.suffix in PICTURES))
        for label, folder in zip(labels, given.folders, strict=False)
    ]
    contact_sheet(rows).save(given.out, quality=92)


if __name__ == "__main__":
    main()
