"""How well an image shows what its prompt asks for, by a CLIP network that an operator put into a folder.

Nothing is fetched; for drawings the attribute scorer knows better, see adherence.py.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch.nn import functional

from gpu_worker.base_models.folders import check_configs
from gpu_worker.errors import BadWeights
from gpu_worker.evidence.adherence import plain
from gpu_worker.weight_files import check_hash

WEIGHTS = "model.safetensors"
SCALE = 2.5  # of the paper, brings cosines of 0 to 0.4 to 0 to 1
MEAN = (0.48145466, 0.4578275, 0.40821073)  # of the pixels that CLIP was taught on, RGB in 0..1
SPREAD = (0.26862954, 0.26130258, 0.27577711)


class ClipAdherence:
    """CLIPScore: Hessel et al., "CLIPScore: A Reference-free Evaluation Metric for Image Captioning", 2021, eq. 1."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer

    @torch.no_grad()
    def score(self, image: np.ndarray, prompt: str) -> float | None:
        """2.5 times the cosine of image and prompt, held in 0..1; None for an empty prompt.

        Words beyond the network's length are not seen.
        """
        text = plain(prompt)
        if not text:
            return None
        longest = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")
        seen = self.model(**tokens, pixel_values=_pixels(image, self.model.config.vision_config.image_size))
        cosine = float(functional.cosine_similarity(seen.image_embeds, seen.text_embeds)[0])
        return min(1.0, max(0.0, SCALE * cosine))


def _pixels(image: np.ndarray, side: int) -> torch.Tensor:
    """RGB uint8 (H, W, 3) → float32 (1, 3, side, side): the short side fitted, the middle cut out, as CLIP does."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    short = min(pixels.shape[-2:])
    size = [side * length // short for length in pixels.shape[-2:]]
    pixels = functional.interpolate(pixels, size, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    cut = pixels[..., top : top + side, left : left + side]
    return (cut - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(SPREAD).view(1, 3, 1, 1)


@lru_cache(maxsize=1)
def open_clip(folder: Path) -> ClipAdherence:
    """A CLIPModel as transformers saves it, with its tokenizer, and model.safetensors.sha256 beside; kept for the next.

    Raises BadWeights when it is not there, is not what its hash says, or does not load.
    """
    from transformers import CLIPModel, CLIPTokenizer

    check_configs(folder)
    check_hash(folder / WEIGHTS)
    try:
        model = CLIPModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        return ClipAdherence(model, CLIPTokenizer.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError, TypeError, LookupError, RuntimeError, SafetensorError) as error:
        raise BadWeights(f"no CLIP opens from {folder}: {error}") from error
