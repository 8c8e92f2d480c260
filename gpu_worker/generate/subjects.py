"""A subject's weights and names, read from the folder that a training wrote. Nothing is put on here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file

from gpu_worker.errors import BadWeights
from gpu_worker.generate.lora_files import Layer, plain_name, read_lora
from gpu_worker.weights import LORA_FILE, PARTS, RECORD, telling_bad_weights

# Where save_full()'s from_pretrained folders keep a part's weights.
FULL_FILES = {"unet": "diffusion_pytorch_model.safetensors", "text_encoder": "model.safetensors"}


@dataclass(frozen=True)
class Subject:
    """The trained person: LoRA `layers`, or `full` weights by PART.NAME.

    `sha256` is of the files of weights, `source` the folder they were read from.
    """

    sha256: str
    source: Path
    identifier: str
    class_noun: str
    layers: tuple[Layer, ...] = ()
    full: Mapping[str, torch.Tensor] = field(default_factory=dict)


def weight_files(folder: Path) -> list[Path]:
    """A LoRA's one file, or those of full weights. Raises BadWeights when there are none, or links among them."""
    if any(path.is_symlink() for path in folder.rglob("*")):
        raise BadWeights(f"{folder} holds a link, where only files of its own belong")
    lora = folder / LORA_FILE
    full = [folder / part / FULL_FILES[part] for part in PARTS if (folder / part).is_dir()]
    found = [lora] if lora.is_file() else full
    if not found or (found[0] != lora and not (folder / "unet").is_dir()):
        raise BadWeights(f"neither {LORA_FILE} nor unet/ in {folder}")
    return found


def is_lora(folder: Path) -> bool:
    """Else the weights are full ones. Raises BadWeights."""
    return weight_files(folder)[0].name == LORA_FILE


def hash_subject(folder: Path) -> str:
    """SHA-256 over a subject's weights, which tells whether they are loaded already. Raises BadWeights."""
    digest = hashlib.sha256()
    with telling_bad_weights(f"the subject's weights in {folder}"):
        for path in weight_files(folder):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def read_subject(folder: Path, sha256: str) -> Subject:
    """The subject in `folder`; `sha256` is hash_subject()'s.

    Raises BadWeights when files are missing, broken, or not finite numbers.
    """
    with telling_bad_weights(f"the subject's weights in {folder}"):
        files = weight_files(folder)
        identifier, class_noun = read_names(folder)
        if files[0].name == LORA_FILE:
            return Subject(sha256, folder, identifier, class_noun, layers=tuple(read_lora(files[0])))
        return Subject(sha256, folder, identifier, class_noun, full=_full(files))


def read_names(folder: Path) -> tuple[str, str]:
    """What the subject is called: identifier and class noun. Raises BadWeights."""
    with telling_bad_weights(f"the training's record in {folder}"):
        config = json.loads((folder / RECORD).read_text())["config"]
        identifier, class_noun = config["identifier"], config["class_noun"]
        if not isinstance(identifier, str) or not isinstance(class_noun, str):
            raise BadWeights(f"{folder / RECORD} does not say what the subject is called")
        return identifier, class_noun


def _full(files: list[Path]) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        held = load_file(file)
        if not held:
            raise BadWeights(f"{file} holds no weights")
        for name, tensor in held.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise BadWeights(f"{name} in {file} is not finite")
            tensors[f"{file.parent.name}.{plain_name(name)}"] = tensor
    return tensors
