"""Looks at a base model's folder before any library opens it: its family, sizes of no network, other weights.

Nothing is loaded here, and no library that could; a repository of the hub, which has no folder yet, is not looked at.
"""

import json
import re
from pathlib import Path
from typing import Any

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.errors import BadWeights

MOST_LAYERS = 200
WIDEST = 65_536  # channels, steps; beyond every family that we open
MOST_WORDS = 1_000_000
WORDS = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")
JSON_BYTES = 64 * 1024 * 1024  # a tokenizer's words take a few

INDEX = "model_index.json"
INDEX_BYTES = 1024 * 1024
REPOSITORY = re.compile(r"\w[\w.-]*(/[\w.-]+)?")  # as the hub names them
UNREAD = ("safety_checker", "image_encoder", "feature_extractor")  # published beside networks, and not opened by us
# Endings of weights that a reader would unpickle, or that only other frameworks read.
OTHER_WEIGHTS = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5", ".onnx", ".gguf")
CONVERT = (
    "Convert it once, on a machine that holds nothing else: load it with diffusers ({how}) and write it with "
    ".save_pretrained(FOLDER, safe_serialization=True), or take a published folder of safetensors"
)
ONE_FILE = CONVERT.format(how="from_single_file(FILE) of the pipe's class")
ONE_FOLDER = CONVERT.format(how="DiffusionPipeline.from_pretrained(FOLDER)")


def is_pocket(source: str) -> bool:
    """Whether a base model is ours, by what its folder says."""
    return Path(source) == WEIGHTS or (Path(source) / "pocket.json").is_file()


def pipe_of(source: str) -> str | None:
    """diffusers' class of the pipe that a folder says it holds, which tells the family; "" where it says nothing that
    can be read. None for what is no folder: a repository of the hub tells when it is opened.
    """
    folder = Path(source)
    if not folder.is_dir():
        return None
    try:
        if not (folder / INDEX).is_file() or (folder / INDEX).stat().st_size > INDEX_BYTES:
            return ""
        return str(json.loads((folder / INDEX).read_bytes())["_class_name"])
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return ""


def check_folder(source: str) -> None:
    """Raises BadWeights that names the first file which a library would trust too far, or what there is instead of a
    diffusers folder of safetensors, and how to make one.
    """
    folder = Path(source)
    if not folder.is_dir():
        _check_repository(source)
        return
    check_configs(folder)
    _check_formats(folder)


def check_configs(folder: Path) -> None:
    """Raises BadWeights that names the first file of a network's folder which a library would trust too far."""
    for file in sorted(folder.rglob("*.json")):
        if not file.is_file() or file.stat().st_size > JSON_BYTES:
            raise BadWeights(f"{file} is no file of a base model: not a plain file, or too large")
        if file.name.endswith(".safetensors.index.json"):
            _check_shards(file)
        elif file.name in ("config.json", "scheduler_config.json"):
            _check_sizes(file)


def _check_repository(source: str) -> None:
    if Path(source).is_file():
        raise BadWeights(f"{source} is one file, and a base model is a diffusers folder. {ONE_FILE}")
    if not REPOSITORY.fullmatch(source):
        raise BadWeights(f"there is no folder {source}")


def _check_formats(folder: Path) -> None:
    """Weights must be safetensors: other formats run code when they are opened."""
    if not (folder / INDEX).is_file():
        files = sorted(file.name for file in folder.iterdir() if file.suffix in (".safetensors", *OTHER_WEIGHTS))
        found = f"only {files[0]}" if files else "nothing that says what pipe it is"
        raise BadWeights(f"{folder} has no {INDEX} and {found}: it is no diffusers folder. {ONE_FILE}")
    named = [folder / name for name in _read(folder / INDEX) if name not in UNREAD]
    for part in sorted(path for path in named if path.is_dir()):
        endings = {file.suffix for file in part.iterdir()}
        other = sorted(endings.intersection(OTHER_WEIGHTS))
        if other and ".safetensors" not in endings:
            raise BadWeights(f"{part} has weights in {other[0]}, and only safetensors are read. {ONE_FOLDER}")


def _check_shards(file: Path) -> None:
    """A list of parts may name files of other kinds, and libraries open those by their ending."""
    told = _read(file).get("weight_map")
    names = set(told.values()) if isinstance(told, dict) else {None}
    for name in names:
        if not isinstance(name, str) or not name.endswith(".safetensors") or Path(name).name != name:
            raise BadWeights(f"{file} names {name!r}, which is no safetensors file beside it")


def _check_sizes(file: Path) -> None:
    """A network is built as large as its config says, before its weights are looked at."""
    for name, number in _numbers(_read(file), ""):
        most = MOST_WORDS if name in WORDS else MOST_LAYERS if "layers" in name else WIDEST
        if not -most <= number <= most:
            raise BadWeights(f"{file} says {name} {number}; up to {most} is believed")


def _numbers(told: Any, name: str) -> list[tuple[str, int]]:
    if isinstance(told, int):
        return [(name, int(told))]
    if isinstance(told, dict):
        return [found for key, value in told.items() for found in _numbers(value, key)]
    if isinstance(told, list):
        return [(f"layers in {name}", len(told)), *(found for value in told for found in _numbers(value, name))]
    return []


def _read(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadWeights(f"{file} is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise BadWeights(f"{file} holds no JSON object")
    return told
