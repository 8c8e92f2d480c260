"""LoRA files that prompts name: the operator's, each read once while it stays the same. Nothing is merged here."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gpu_worker.errors import BadPrompt
from gpu_worker.generate.changes import Layer
from gpu_worker.generate.lora_files import read_lora
from gpu_worker.generate.plans import Plan
from gpu_worker.prompt_language import FILLED, Lora, parse

SUBJECT = "subject"  # <lora:subject:0.8>: the customer's own weights, less strongly
KEPT = 8  # files


@dataclass(frozen=True)
class NamedLora:
    """How strongly a prompt wants it, its layers, and a `stamp` that changes with the file. The subject's has none."""

    lora: Lora
    stamp: tuple[int, int] = (0, 0)
    layers: tuple[Layer, ...] = ()


def check(plans: Iterable[Plan], folder: Path | None, *, full_subject: bool) -> None:
    """Raise BadPrompt with `unknown_lora`, or `lora_not_scalable` for a subject of whole weights."""
    for lora in dict.fromkeys(lora for plan in plans for lora in parse(plan.prompt, limits=FILLED).loras):
        if lora.name != SUBJECT:
            _file(folder, lora.name)
        elif full_subject:
            raise BadPrompt("lora_not_scalable", "This subject's weights are not LoRA: leave <lora:subject:…> out.")


def read(loras: Iterable[Lora], folder: Path | None) -> tuple[NamedLora, ...]:
    """Those that a prompt names, in order. Raises BadPrompt with `unknown_lora`, BadWeights."""
    return tuple(NamedLora(lora) if lora.name == SUBJECT else _read(lora, _file(folder, lora.name)) for lora in loras)


def _file(folder: Path | None, name: str) -> Path:
    file = (folder or Path("/nonexistent")) / f"{name}.safetensors"
    if not file.is_file():
        raise BadPrompt("unknown_lora", f"There is no LoRA {name!r}.")
    return file


def _read(lora: Lora, file: Path) -> NamedLora:
    told = file.stat()
    stamp = told.st_size, told.st_mtime_ns
    return NamedLora(lora, stamp, _layers(file, stamp))


@lru_cache(maxsize=KEPT)
def _layers(file: Path, stamp: tuple[int, int]) -> tuple[Layer, ...]:
    return tuple(read_lora(file))
