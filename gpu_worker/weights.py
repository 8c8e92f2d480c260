"""Weights on disk: base models opened and hashed, subjects' weights written and loaded. Safetensors only.

No training and no sampling; where the folders come from is not known here.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft.utils import get_peft_model_state_dict
from safetensors import SafetensorError

from gpu_worker.base_models.family import BaseModel, UnknownFamily, load_base_model
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.errors import BadWeights

LORA_FILE = "pytorch_lora_weights.safetensors"  # the name that pipe.load_lora_weights looks for
PARTS = ("unet", "text_encoder")  # what may be trained; full weights lie in folders of these names
RECORD = "training.json"


def is_pocket(base_model: str) -> bool:
    """Whether a base model is ours, by what its folder says."""
    return Path(base_model) == WEIGHTS or (Path(base_model) / "pocket.json").is_file()


def open_base_model(
    source: str, revision: str | None, device: torch.device, dtype: torch.dtype = torch.float32
) -> BaseModel:
    """Load a base model; raise BadWeights when it cannot be read or nobody knows its family."""
    try:
        return load_base_model(source, revision=revision, device=device, dtype=dtype)
    except (OSError, ValueError, UnknownFamily, SafetensorError) as error:
        raise BadWeights(f"cannot open the base model {source}: {error}") from error


def hash_base_model(source: str, revision: str | None) -> str:
    """SHA-256 over a folder's weights and configs, by name; a hub repository is told by its revision."""
    folder = Path(source)
    if not folder.is_dir():
        return f"{source}@{revision or 'main'}"
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json")):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def save_lora(base: BaseModel, parts: tuple[str, ...], folder: Path) -> None:
    """Write the LoRA layers of `parts` (see PARTS) as `pipe.load_lora_weights` reads them, float16."""
    given: dict[str, Any] = {}
    for name in parts:
        part = getattr(base, name)
        layers = {key: t.to(torch.float16) for key, t in get_peft_model_state_dict(part).items()}
        given[f"{name}_lora_layers"] = convert_state_dict_to_diffusers(layers)
        given[f"{name}_lora_adapter_metadata"] = part.peft_config["default"].to_dict()
    StableDiffusionPipeline.save_lora_weights(folder, **given)


def save_full(base: BaseModel, parts: tuple[str, ...], folder: Path) -> None:
    """Write whole `parts`, one folder each, as from_pretrained reads them; turns them into float16 on the CPU."""
    for name in parts:
        getattr(base, name).cpu().half().save_pretrained(folder / name)


def load_subject(base: BaseModel, folder: Path) -> dict[str, Any]:
    """Put a subject's weights (LoRA or full) into `base`; return the record of its training.

    Raises BadWeights when they are missing, broken, or made for another base model.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text())
        if (folder / LORA_FILE).is_file():
            base.pipe().load_lora_weights(folder, weight_name=LORA_FILE)
        else:
            _load_full(base, folder)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadWeights(f"the subject's weights do not load into {base.source}: {error}") from error
    return record


def _load_full(base: BaseModel, folder: Path) -> None:
    """Strict: a weight too many or too few raises RuntimeError, no file at all FileNotFoundError."""
    if not (folder / "unet").is_dir():
        raise FileNotFoundError(f"neither {LORA_FILE} nor unet/ in {folder}")
    for name in PARTS:
        if (folder / name).is_dir():
            part = getattr(base, name)
            part.load_state_dict(type(part).from_pretrained(folder / name, use_safetensors=True).state_dict())
