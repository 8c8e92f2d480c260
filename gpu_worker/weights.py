"""Weights on disk: base models opened and hashed, subjects' weights written and loaded. Safetensors only.

No training and no sampling; where the folders come from is not known here.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from gpu_worker.base_models.family import BaseModel, UnknownFamily, load_base_model
from gpu_worker.base_models.folders import check_folder
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.device import telling_out_of_memory
from gpu_worker.errors import BadWeights, OutOfMemory

LORA_FILE = "pytorch_lora_weights.safetensors"  # the name that pipe.load_lora_weights looks for
PARTS = ("unet", "text_encoder")  # what may be trained; full weights lie in folders of these names
RECORD = "training.json"
DOWN = ("lora.down.weight", "lora_linear_layer.down.weight", "lora_A.weight")  # (rank, inputs), as libraries name them
# What a training sets in its adapter's record beside rank and alpha; anything else is as peft has it.
OF_A_TRAINING = {"target_modules", "init_lora_weights", "peft_type", "peft_version", "base_model_name_or_path"}
MOST_ALPHA = 65_536
# Where save_full()'s from_pretrained folders keep a part's weights.
FULL_FILES = {"unet": "diffusion_pytorch_model.safetensors", "text_encoder": "model.safetensors"}
# What diffusers, transformers, peft and json raise at files that they did not expect.
BROKEN = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    ImportError,
    SafetensorError,
    UnknownFamily,
)


def is_pocket(base_model: str) -> bool:
    """Whether a base model is ours, by what its folder says."""
    return Path(base_model) == WEIGHTS or (Path(base_model) / "pocket.json").is_file()


@contextmanager
def _telling_bad_weights(what: str) -> Iterator[None]:
    """Raise BadWeights, which names `what`, for whatever the libraries say of broken files; a full memory is none."""
    try:
        with telling_out_of_memory():
            yield
    except (BadWeights, OutOfMemory):
        raise
    except BROKEN as error:
        raise BadWeights(f"{what}: {error}") from error


def open_base_model(
    source: str, revision: str | None, device: torch.device, dtype: torch.dtype = torch.float32
) -> BaseModel:
    """Load a base model; raise BadWeights when it cannot be read, holds weights that are not finite numbers, or nobody
    knows its family.
    """
    with _telling_bad_weights(f"cannot open the base model {source}"):
        check_folder(source)
        base = load_base_model(source, revision=revision, device=device, dtype=dtype)
        for name in ("vae", "text_encoder", "unet"):
            _check_finite(getattr(base, name), f"{name} of the base model {source}")
        return base


def _check_finite(part: torch.nn.Module, what: str) -> None:
    """A weight that is no number would draw black images, or end a training after its first hour's queue."""
    for name, tensor in part.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BadWeights(f"{name} in the {what} is not finite")


def hash_base_model(source: str, revision: str | None) -> str:
    """SHA-256 over a folder's weights and configs, by name; a hub repository is told by its revision."""
    folder = Path(source)
    if not folder.is_dir():
        return f"{source}@{revision or 'main'}"
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json") and p.is_file()):
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

    Raises BadWeights when they are missing, broken, not finite, or made for another base model. What the files say of
    the network's shape is not believed: only weights that fit `base` are taken.
    """
    with _telling_bad_weights(f"the subject's weights in {folder} do not load into {base.source}"):
        if any(path.is_symlink() for path in folder.rglob("*")):
            raise BadWeights(f"{folder} holds a link, where only files of its own belong")
        record = _record(folder / RECORD)
        if (folder / LORA_FILE).is_file():
            _load_lora(base, folder)
        else:
            _load_full(base, folder)
        for name in PARTS:
            _check_finite(getattr(base, name), f"{name} with the subject's weights from {folder}")
    return record


def _record(file: Path) -> dict[str, Any]:
    """The training's record, with what is needed of it."""
    record: dict[str, Any] = json.loads(file.read_text())
    config = record["config"]
    if not isinstance(config["identifier"], str) or not isinstance(config["class_noun"], str):
        raise BadWeights(f"{file} does not say what the subject is called")
    return record


def _load_lora(base: BaseModel, folder: Path) -> None:
    """Every layer of the file must find its place: diffusers itself would pass over what it does not know."""
    file = folder / LORA_FILE
    with safe_open(file, framework="pt") as opened:
        names = set(opened.keys())
        told = (opened.metadata() or {}).get(LORA_ADAPTER_METADATA_KEY, "{}")
        ranks = {int(opened.get_slice(name).get_shape()[0]) for name in names if name.endswith(DOWN)}
    _check_adapter(json.loads(told), ranks, file)
    base.pipe().load_lora_weights(folder, weight_name=LORA_FILE)
    placed = sum(len(_layers(getattr(base, name))) for name in PARTS)
    if placed != len(names) or not names:
        raise BadWeights(f"of {len(names)} layers in {file}, {placed} fit {base.source}")


def _check_adapter(told: dict[str, Any], ranks: set[int], file: Path) -> None:
    """peft makes the layers that the file's header tells of, before it looks at those that are there."""
    usual = LoraConfig().to_dict()
    for name, value in told.items():
        field = name.rsplit(".", 1)[-1]
        if field == "r":
            believed = {value} == ranks
        elif field == "lora_alpha":
            believed = isinstance(value, int | float) and 0 < value <= MOST_ALPHA
        else:
            believed = field in OF_A_TRAINING or not value or value == usual.get(field)
        if not believed:
            raise BadWeights(f"{file} says {name} is {value!r:.80}, which no training of ours wrote")


def _layers(part: torch.nn.Module) -> list[str]:
    return [name for name, _ in part.named_parameters() if ".lora_A." in name or ".lora_B." in name]


def _load_full(base: BaseModel, folder: Path) -> None:
    """Strict: a weight too many or too few raises RuntimeError, no file at all FileNotFoundError."""
    if not (folder / "unet").is_dir():
        raise FileNotFoundError(f"neither {LORA_FILE} nor unet/ in {folder}")
    for name in PARTS:
        if (folder / name).is_dir():
            getattr(base, name).load_state_dict(load_file(folder / name / FULL_FILES[name]))
