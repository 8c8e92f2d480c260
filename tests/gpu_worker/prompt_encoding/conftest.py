"""Tiny text encoders of transformers' real classes, with random weights and a vocabulary of letters."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from gpu_worker.base_models.pocket.tokenizer import build_tokenizer
from gpu_worker.prompt_encoding import ClipText, TwoClips

WORDS = ["hat", "coat", "red", "blue", ","]


def tokenizer_of(folder: Path, pad: str | None = None) -> Any:
    """CLIP's own length of 77; `pad` is another padding than the end, as bigG has."""
    build_tokenizer(WORDS, folder)
    told: dict[str, Any] = {"model_max_length": 77} | ({"pad_token": pad} if pad else {})
    return CLIPTokenizer.from_pretrained(folder, **told)


def config(tokenizer: Any, width: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def inner(encoder: Any) -> Any:
    """The layers themselves: transformers keeps them one floor deeper where a projection follows."""
    return getattr(encoder, "text_model", encoder)


def off_centre(encoder: Any) -> Any:
    """As trained ones are: a mean of 0 would leave nothing to restore."""
    with torch.no_grad():
        inner(encoder).final_layer_norm.bias += 0.2
        for layer in inner(encoder).encoder.layers:
            layer.mlp.fc2.bias += 0.2
    return encoder.eval()


@pytest.fixture(scope="session")
def clip_l(tmp_path_factory: pytest.TempPathFactory) -> ClipText:
    torch.manual_seed(1)
    tokenizer = tokenizer_of(tmp_path_factory.mktemp("clip-l"))
    return ClipText(tokenizer, off_centre(CLIPTextModel(config(tokenizer, 32))))


@pytest.fixture(scope="session")
def both_clips(tmp_path_factory: pytest.TempPathFactory) -> TwoClips:
    torch.manual_seed(2)
    one, two = (tokenizer_of(tmp_path_factory.mktemp("sdxl"), pad) for pad in (None, "!"))
    first = ClipText(one, off_centre(CLIPTextModel(config(one, 32))), layer=-2)
    second = off_centre(CLIPTextModelWithProjection(config(two, 48)))
    return TwoClips(first, ClipText(two, second, layer=-2, pools=True))
