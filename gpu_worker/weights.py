"""Weights on disk: base models opened and hashed, subjects' weights written. Safetensors only.

No training, no sampling and no subject put on; where the folders come from is not known here.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from huggingface_hub import try_to_load_from_cache
from peft.utils import get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file

from gpu_worker.base_models.family import BaseModel, Precision, UnknownFamily, load_base_model
from gpu_worker.base_models.folders import INDEX, check_folder
from gpu_worker.device import telling_out_of_memory
from gpu_worker.errors import BadWeights, OutOfMemory

LORA_FILE = "pytorch_lora_weights.safetensors"  # the name that pipe.load_lora_weights looks for
DIFFERENCE_FILE = "full_difference.safetensors"  # float16, by PART.NAME: what a training added to whole parts' weights
TOKENS_FILE = "learned_embeds.safetensors"  # diffusers' textual inversion: <s0>, <s1>, … → (width,)
PARTS = ("unet", "text_encoder")  # what may be trained; full weights lie in folders of these names
RECORD = "training.json"
MAGNITUDE = ".lora_magnitude_vector"  # peft's and diffusers' name: one length for each output
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


@contextmanager
def telling_bad_weights(what: str) -> Iterator[None]:
    """Raise BadWeights, which names `what`, for whatever the libraries say of broken files; a full memory is none."""
    try:
        with telling_out_of_memory():
            yield
    except OutOfMemory:
        raise
    except BadWeights as error:
        if what in str(error):
            raise
        raise BadWeights(f"{what}: {error}") from error
    except BROKEN as error:
        raise BadWeights(f"{what}: {error}") from error


def open_base_model(
    source: str, revision: str | None, device: torch.device, dtype: Precision = torch.float32
) -> BaseModel:
    """Load a base model; raise BadWeights when it cannot be read, holds weights that are not finite numbers, or nobody
    knows its family.
    """
    with telling_bad_weights(f"cannot open the base model {source}"):
        check_folder(source)
        base = load_base_model(source, revision=revision, device=device, dtype=dtype)
        for name, part in base.parts.items():
            _check_finite(part, f"{name} of the base model {source}")
        return base


def _check_finite(part: torch.nn.Module, what: str) -> None:
    """A weight that is no number would draw black images, or end a training after its first hour's queue."""
    for name, tensor in part.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BadWeights(f"{name} in the {what} is not finite")


def hash_base_model(source: str, revision: str | None) -> str:
    """SHA-256 over a folder's weights and configs, by name; a hub repository is told by its commit, or by its revision
    where nothing of it was opened yet.
    """
    folder = Path(source)
    if not folder.is_dir():
        return f"{source}@{_commit(source, revision or 'main')}"
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json") and p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _commit(repository: str, revision: str) -> str:
    """What a branch or tag stood for when its files were fetched: it may move, and others' weights come under it."""
    index = try_to_load_from_cache(repository, INDEX, revision=revision)
    return Path(index).parent.name if isinstance(index, str) else revision


def save_lora(base: BaseModel, parts: tuple[str, ...], folder: Path) -> None:
    """Write the layers of LoRA or DoRA over `parts` as `pipe.load_lora_weights` reads them, float16.

    DoRA's lengths stay float32: they stand for whole weights, of which a training changes the last digits.
    """
    layers: dict[str, dict[str, torch.Tensor]] = {}
    told: dict[str, Any] = {}
    for name in parts:
        part = getattr(base, name)
        own = {
            key: tensor if MAGNITUDE in key else tensor.to(torch.float16)
            for key, tensor in get_peft_model_state_dict(part).items()
        }
        layers[name] = convert_state_dict_to_diffusers(own)
        told[f"{name}_lora_adapter_metadata"] = part.peft_config["default"].to_dict()
    base.save_lora(layers, folder, **told)


def save_full(base: BaseModel, parts: tuple[str, ...], folder: Path) -> None:
    """Write whole `parts`, one folder each, as from_pretrained reads them; turns them into float16 on the CPU."""
    for name in parts:
        getattr(base, name).cpu().half().save_pretrained(folder / name)


def save_difference(base: BaseModel, before: BaseModel, parts: tuple[str, ...], folder: Path) -> None:
    """Write what whole `parts` have that those of `before` had not, float16 by PART.NAME, as DIFFERENCE_FILE.

    It is half as large as the base model's float32, and finer than whole weights in float16 are: small changes of
    large weights keep their digits.
    """
    tensors = {}
    for name in parts:
        first = getattr(before, name).state_dict()
        for key, now in getattr(base, name).state_dict().items():
            if now.is_floating_point():
                difference = now.detach().cpu().float() - first[key].cpu().float()
                tensors[f"{name}.{key}"] = difference.half().contiguous()
    save_file(tensors, folder / DIFFERENCE_FILE)
