"""A subject's weights and names, read from the folder that a training wrote. Nothing is put on here."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file

from gpu_worker.errors import BadWeights
from gpu_worker.generate.changes import Difference, Layer
from gpu_worker.generate.lora_files import plain_name, read_lora
from gpu_worker.generate.new_tokens import read_tokens
from gpu_worker.weights import DIFFERENCE_FILE, LORA_FILE, PARTS, RECORD, TOKENS_FILE, telling_bad_weights

# Where save_full()'s from_pretrained folders keep a part's weights.
FULL_FILES = {"unet": "diffusion_pytorch_model.safetensors", "text_encoder": "model.safetensors"}


@dataclass(frozen=True)
class Subject:
    """The trained person: LoRA `layers`, or `differences` to the base model, or `full` weights by PART.NAME.

    `tokens`, float32 (n, width), is what the identifier means where a training learnt that, else None. `sha256` is of
    the files of weights, `source` the folder they were read from.
    """

    sha256: str
    source: Path
    identifier: str
    class_noun: str
    layers: tuple[Layer, ...] = ()
    differences: tuple[Difference, ...] = ()
    full: Mapping[str, torch.Tensor] = field(default_factory=dict)
    tokens: torch.Tensor | None = None

    @property
    def is_large(self) -> bool:
        """As large as the base model's own parts."""
        return bool(self.full or self.differences)


def weight_files(folder: Path) -> list[Path]:
    """The one file of a LoRA or a difference, or those of full weights, and new tokens' last.

    Raises BadWeights when there are none, or links among them.
    """
    if any(path.is_symlink() for path in folder.rglob("*")):
        raise BadWeights(f"{folder} holds a link, where only files of its own belong")
    alone = [file for file in (folder / LORA_FILE, folder / DIFFERENCE_FILE) if file.is_file()][:1]
    full = [folder / part / FULL_FILES[part] for part in PARTS if (folder / part).is_dir()]
    if not alone and not (folder / "unet").is_dir():
        raise BadWeights(f"none of {LORA_FILE}, {DIFFERENCE_FILE} and unet/ in {folder}")
    return [*(alone or full), *(file for file in (folder / TOKENS_FILE,) if file.is_file())]


def is_scalable(folder: Path) -> bool:
    """Whether it can be worn more or less strongly: full weights replace the base model's. Raises BadWeights."""
    return weight_files(folder)[0].name in (LORA_FILE, DIFFERENCE_FILE)


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
        names = read_names(folder)
        tokens = read_tokens(files.pop()) if files[-1].name == TOKENS_FILE else None
        if files[0].name == LORA_FILE:
            return Subject(sha256, folder, *names, layers=tuple(read_lora(files[0])), tokens=tokens)
        if files[0].name == DIFFERENCE_FILE:
            return Subject(sha256, folder, *names, differences=tuple(_differences(files[0])), tokens=tokens)
        return Subject(sha256, folder, *names, full=_full(files), tokens=tokens)


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
        tensors |= {f"{file.parent.name}.{plain_name(name)}": tensor for name, tensor in _finite(file).items()}
    return tensors


def _differences(file: Path) -> Iterator[Difference]:
    for key, tensor in _finite(file).items():
        part, _, name = key.partition(".")
        if not tensor.is_floating_point():
            raise BadWeights(f"{key} in {file} is {tensor.dtype}, no difference")
        yield Difference(part, plain_name(name), tensor)


def _finite(file: Path) -> dict[str, torch.Tensor]:
    held: dict[str, torch.Tensor] = load_file(file)
    if not held:
        raise BadWeights(f"{file} holds no weights")
    for name, tensor in held.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BadWeights(f"{name} in {file} is not finite")
    return held
