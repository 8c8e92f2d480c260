"""What a VAE leaves of people: all of the numbers, on customers' photos that ship."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gpu_worker.base_models.pocket import people
from gpu_worker.base_models.pocket.architecture import SECOND, SHAPES, new_vae
from tests.benchmarks.people.ceiling import measure

SAMPLES = sorted(path for path in (Path(people.__file__).parent / "samples").iterdir() if path.is_dir())


def test_a_vae_that_learnt_nothing_leaves_nobody() -> None:
    paths = [sorted(folder.glob("photo-*.jpg"))[:2] for folder in SAMPLES[:2]]
    photos = np.stack([np.stack([np.asarray(Image.open(path)) for path in those]) for those in paths])
    torch.manual_seed(0)
    told = measure(photos, new_vae(SHAPES[SECOND]))
    assert told["side"] == 128
    assert told["untouched_of_pairs"] >= 0.5
    assert told["ceiling"] == told["ceiling_of_pairs"] == told["faces"] == 0
    assert told["error_of_255"] > 10
