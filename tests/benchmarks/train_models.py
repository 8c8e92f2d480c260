"""Base models, photos and prepared tensors for the benchmark of the trainer: `pocket|sd140m WORK`, prints the Load.

A process of its own, so that none of its memory is counted as a side's. Speed does not depend on what weights mean:
those of the large base model are random numbers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.base_models.pocket import WEIGHTS, people
from gpu_worker.generate.engine import fast_precision
from tests.benchmarks.generate_models import sd140m
from tests.benchmarks.train_load import CLASS_IMAGES, CLASS_PROMPT, INSTANCE_PROMPT, PHOTOS, Load

SIDE = 256  # px, of the large base model
PREPARED = "prepared.safetensors"


def main() -> None:
    name, work = sys.argv[1], Path(sys.argv[2])
    load = _load(name, work)
    base = load_base_model(load.base_model)
    _draw(Path(load.folder), load.side)
    tensors = {
        "instance": latents(base, sorted((Path(load.folder) / "instance").iterdir())),
        "class": latents(base, sorted((Path(load.folder) / "class").iterdir())),
        "embeds": base.encode_prompts([INSTANCE_PROMPT, CLASS_PROMPT]).embeds.detach(),
    }
    save_file(tensors, Path(load.folder) / PREPARED)
    print(json.dumps({"load": load.told(), "bf16": fast_precision(torch.device("cpu")) == "bf16"}))


def _load(name: str, work: Path) -> Load:
    if name == "pocket":
        return Load(name, str(WEIGHTS), str(work / name), load_base_model(WEIGHTS).resolution)
    base = work / f"sd140m-{SIDE}"
    if not (base / "model_index.json").is_file():
        sd140m(base, SIDE)
    return Load(name, str(base), str(work / name), SIDE)


def _draw(folder: Path, side: int) -> None:
    """Drawn people: the first in four photos, others for class images."""
    samples = Path(people.__file__).parent / "samples"
    first, *others = sorted(path for path in samples.iterdir() if path.is_dir())
    of_others = [file for other in others for file in sorted(other.glob("photo-*.jpg"))]
    for kind, files in (("instance", sorted(first.glob("photo-*.jpg"))[:PHOTOS]), ("class", of_others[:CLASS_IMAGES])):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(files, 1):
            with Image.open(file) as opened:
                opened.convert("RGB").resize((side, side)).save(folder / kind / f"{number:03d}.png")


@torch.no_grad()
def latents(base: BaseModel, files: Sequence[Path]) -> torch.Tensor:
    """Of squares, float32 (N, channels, h, w), encoded one by one."""
    pixels = [torch.from_numpy(np.asarray(Image.open(file).convert("RGB")).copy()) for file in files]
    images = [each.permute(2, 0, 1)[None].float() / 127.5 - 1 for each in pixels]
    generator = torch.Generator().manual_seed(0)
    return torch.cat([base.encode_images(image, generator).cpu() for image in images])


if __name__ == "__main__":
    main()
