"""A CLIP of no training, with a tokenizer and a hash, as an operator lays one down. No claim is made here."""

import hashlib
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from gpu_worker.base_models.pocket.tokenizer import MAX_LENGTH, build_tokenizer


def untrained_clip(folder: Path, seed: int = 0) -> Path:
    """Write it into `folder`; another seed, other weights."""
    torch.manual_seed(seed)
    words = build_tokenizer(["photo", "person"], folder / "words")
    words.save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    count = len(CLIPTokenizer.from_pretrained(folder))
    text = size | {"vocab_size": count, "max_position_embeddings": MAX_LENGTH, "eos_token_id": words.eos_token_id}
    vision = size | {"image_size": 32, "patch_size": 16}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    told = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "model.safetensors.sha256").write_text(f"{told}  model.safetensors\n")
    return folder
