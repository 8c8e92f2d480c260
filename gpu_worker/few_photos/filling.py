"""Fill up a job's instance images with made photos: reads what preprocess and matte wrote, writes beside it.

What a made photo looks like is planning's and drawing's business.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from gpu_worker.few_photos.drawing import make_photos
from gpu_worker.few_photos.source import Source
from gpu_worker.images import read_rgb, write_png


def fill_up(preprocess: Path, matte: Path, count: int, seed: int) -> int:
    """Make photos until the job has `count` instance images; how many were made, 0 when there are enough.

    Reads preprocess/instance/NNN.png, preprocess/report.json and matte/cutout/NNN.png; writes matte/made/NNN.png
    (RGB), matte/made/alpha/NNN.png (L) and matte/made/recipes.json: each made photo with the photo it came from and
    the recipe that draws it again.
    """
    numbers, sources = _sources(preprocess, matte)
    if not sources or len(sources) >= count:
        return 0
    made = [photo for photo in make_photos(count, sources, seed) if photo.recipe["kind"] == "made"]
    folder = matte / "made"
    (folder / "alpha").mkdir(parents=True)
    recipes = []
    for number, photo in enumerate(made, 1):
        name = f"{number:03d}.png"
        write_png(photo.pixels, folder / name)
        write_png(photo.alpha, folder / "alpha" / name)
        recipes.append({"file": name, "photo": numbers[photo.recipe["source"]], "recipe": photo.recipe})
    (folder / "recipes.json").write_text(json.dumps({"seed": seed, "made": recipes}, indent=1))
    return len(made)


def _sources(preprocess: Path, matte: Path) -> tuple[list[int], list[Source]]:
    """Portraits with their faces and cutouts; other scales of a photo show the same and are left out."""
    photos = json.loads((preprocess / "report.json").read_text())["photos"]
    faces = {photo["number"]: photo["face_in_crop"] for photo in photos if "face_in_crop" in photo}
    numbers, sources = [], []
    for number, (x, y, width, height) in faces.items():
        path = preprocess / "instance" / f"{number:03d}.png"
        if path.is_file():  # the held-out photo is for judging
            with Image.open(matte / "cutout" / path.name, formats=("PNG",)) as image:
                cutout = np.asarray(image.convert("RGBA"))
            numbers.append(number)
            sources.append(Source(read_rgb(path), cutout[:, :, 3], cutout[:, :, :3], (x, y, width, height)))
    return numbers, sources
