"""New token embeddings, learnt first while all else is frozen, so that LoRA begins from words that mean the subject.

Textual inversion: Gal et al., arXiv 2208.01618; before fine-tuning: Roich et al., "Pivotal Tuning", arXiv 2106.05744.
Which train steps they learn in is the trainer's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from gpu_worker.base_models.family import BaseModel
from gpu_worker.train.adapters import Group
from gpu_worker.train.config import TrainConfig
from gpu_worker.weights import TOKENS_FILE

NAME = "new_tokens"  # of their group
OLD_END = 2  # `eos_token_id` of CLIP configs up to 2023, whatever the tokenizer's is
# As diffusers names them, one file for each text encoder that has them.
FILES = {"text_encoder": TOKENS_FILE, "text_encoder_2": "learned_embeds_2.safetensors"}


def open_new_tokens(base: BaseModel, config: TrainConfig) -> Group:
    """Teach tokenizers the words `config.new_tokens`; their embeddings, float32 (tokens, width) by text encoder, learn.

    The text encoders look their rows up in these very parameters.
    """
    names = [name for name in base.tokenizers if name in FILES and name in base.lora_targets]
    generator = torch.Generator().manual_seed(config.seed)
    rows = {name: _open(getattr(base, name), base.tokenizers[name], config.new_tokens, generator) for name in names}
    return Group(NAME, rows, config.token_lr)


def save_new_tokens(group: Group, config: TrainConfig, folder: Path) -> None:
    """Write each text encoder's: float32 (width,) by token, which `pipe.load_textual_inversion` takes one by one."""
    for name, rows in group.parameters.items():
        held = rows.detach().cpu().unbind()
        tensors = {token: row.clone() for token, row in zip(config.new_tokens, held, strict=True)}
        save_file(tensors, folder / FILES[name])


def _open(encoder: Any, tokenizer: Any, tokens: tuple[str, ...], generator: torch.Generator) -> torch.nn.Parameter:
    tokenizer.add_tokens(list(tokens))
    ids = tokenizer.convert_tokens_to_ids(list(tokens))
    words = encoder.get_input_embeddings().weight
    with torch.random.fork_rng():
        encoder.resize_token_embeddings(max(len(tokenizer), len(words)), mean_resizing=False)
    _tell_the_end(encoder, tokenizer)
    table = encoder.get_input_embeddings()
    table.requires_grad_(False)
    # As far from each other as words are: Gal et al. begin at a word's place, but the class noun stands beside them.
    drawn = torch.randn(len(tokens), words.shape[1], generator=generator) * words.float().std().item()
    rows = torch.nn.Parameter(drawn.to(words.device))
    table.register_forward_hook(_looking_up(rows, ids[0]))
    return rows


def _tell_the_end(encoder: Any, tokenizer: Any) -> None:
    """Where a config says OLD_END, transformers pools at the highest id, and that would be a new token's now."""
    for module in encoder.modules():
        if getattr(module, "eos_token_id", None) == OLD_END:
            module.eos_token_id = tokenizer.eos_token_id


def _looking_up(rows: torch.nn.Parameter, first: int) -> Callable[..., torch.Tensor]:
    def replace(_: torch.nn.Module, given: tuple[torch.Tensor, ...], found: torch.Tensor) -> torch.Tensor:
        place = given[0] - first
        new = (place >= 0) & (place < len(rows))
        own = rows[place.clamp(0, len(rows) - 1)].to(found)
        return torch.where(new.unsqueeze(-1), own, found)

    return replace
