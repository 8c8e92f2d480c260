"""What the families' networks have in common: token ids, CLIP's states, latents, and whether a text encoder is whole.

Which network does what in a base model is its family's business.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft
from safetensors import safe_open


def token_ids(tokenizer: Any, prompts: Sequence[str], length: int | None = None) -> torch.Tensor:
    """int64 (N, length), padded and truncated; `length` None takes the tokenizer's own."""
    length = length or tokenizer.model_max_length
    batch = tokenizer(list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    ids: torch.Tensor = batch.input_ids
    return ids


def penultimate(text_encoder: Any, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a CLIP text encoder the states before the last layer, float (N, tokens, width), and its first output: the
    pooled and projected one, float (N, width), where the network projects.
    """
    out = text_encoder(ids.to(text_encoder.device), output_hidden_states=True)
    return out.hidden_states[-2], out[0]


@torch.no_grad()
def encode_images(vae: Any, images: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Latents, float (N, channels, h, w), shifted and scaled as the VAE's config says, of images in [-1, 1]."""
    images = images.to(vae.device, vae.dtype)
    latents: torch.Tensor = vae.encode(images).latent_dist.sample(generator)
    return (latents - (getattr(vae.config, "shift_factor", None) or 0.0)) * float(vae.config.scaling_factor)


def downsampling(vae: Any) -> int:
    """Pixels to a side of a latent."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def dtype_of(part: torch.nn.Module) -> torch.dtype:
    """Of the first layer, on which no LoRA lies: those may be finer than the network."""
    return next(part.parameters()).dtype


def transformer_lora(layers: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, dict[str, torch.Tensor]]:
    """LoRA layers by part, as the pipes of transformers save them: the transformer's names are peft's there."""
    given = {f"{part}_lora_layers": dict(tensors) for part, tensors in layers.items()}
    if transformer := given.get("transformer_lora_layers"):
        given["transformer_lora_layers"] = convert_unet_state_dict_to_peft(transformer)
    return given


def freeze(parts: Iterable[torch.nn.Module]) -> None:
    """As families hold them: without gradients, in evaluation mode."""
    for part in parts:
        part.requires_grad_(False).eval()


def check_complete(text_encoder: torch.nn.Module, folder: Path) -> None:
    """Raises ValueError: transformers fills what a folder's files lack with random numbers, and only warns.

    A repository of the hub, which has no folder, is not looked at.
    """
    whole = folder / "model.safetensors"
    files = [whole] if whole.is_file() else sorted(folder.glob("model-*.safetensors"))
    if not files:
        return
    held = {name.removeprefix("text_model.") for file in files for name in _names(file)}
    wanted = {name.removeprefix("text_model.") for name, _ in text_encoder.named_parameters()}
    if missing := sorted(wanted - held):
        raise ValueError(f"{folder} lacks {missing[0]} and {len(missing) - 1} more")


def _names(file: Path) -> list[str]:
    with safe_open(file, framework="pt") as opened:
        return list(opened.keys())
