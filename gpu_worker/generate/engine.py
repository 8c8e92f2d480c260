"""The resident engine: base models stay loaded within a memory budget, subjects are put on and taken off.

Which images are wanted, and which are good enough, is not known here.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open

from gpu_worker.device import let_go, multiplies_bfloat16, pick_device
from gpu_worker.errors import BadWeights
from gpu_worker.generate.changes import Change
from gpu_worker.generate.config import GenerateConfig
from gpu_worker.generate.memory import free_memory
from gpu_worker.generate.merging import Merged
from gpu_worker.generate.named_loras import SUBJECT, NamedLora
from gpu_worker.generate.new_tokens import NewTokens
from gpu_worker.generate.remembered import Remembered
from gpu_worker.generate.subjects import Subject, hash_subject, read_subject
from gpu_worker.prompt_language import Lora
from gpu_worker.weights import PARTS, hash_base_model, open_base_model, telling_bad_weights

BUDGET = 0.6  # share of the memory that was free at the start
SUBJECTS = 16  # whose weights stay in memory

Precision = Literal["fp32", "fp16", "bf16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

Key = tuple[object, ...]


class Resident:
    """One loaded base model, and what it wears."""

    def __init__(
        self, source: str, revision: str | None, device: torch.device, dtype: torch.dtype, *, compiled: bool = False
    ) -> None:
        """`compiled`: by torch, at the first batch of each shape. Raises BadWeights, OutOfMemory."""
        self.base = open_base_model(source, revision, device, dtype)
        if set(self.base.lora_targets) != set(PARTS):
            raise BadWeights(f"images are drawn with Stable Diffusion 1.x and 2.x; {source} can only be trained")
        self.sha256 = hash_base_model(source, revision)
        self.pipe: Any = self.base.pipe()
        self.scheduler_config = self.pipe.scheduler.config
        for part in (self.base.denoiser, self.base.vae):
            part.to(memory_format=torch.channels_last)  # convolutions are a tenth to a quarter faster
        if compiled:
            self.base.denoiser.compile()
        encoder = self.base.prompt_encoder()
        self.encoder = Remembered(encoder)
        self._tokens = NewTokens(encoder)
        self._merged = Merged({part: getattr(self.base, part) for part in PARTS})
        self._worn: Key = ()

    @property
    def bytes(self) -> int:
        """Memory of all weights, and of those kept for when a subject is taken off."""
        parts = self.base.parts.values()
        return (
            self._merged.bytes
            + self.encoder.bytes
            + sum(int(tensor.nbytes) for part in parts for tensor in part.state_dict().values())
        )

    def wear(self, subject: Subject | None, loras: tuple[NamedLora, ...] = ()) -> None:
        """Put on the subject and named LoRAs, each with its strengths, and take off all else.

        `<lora:subject:…>` among them weakens the subject. Raises BadWeights for what does not fit the base model;
        then the base model stands as it was loaded.
        """
        key = (subject and subject.sha256, tuple((each.lora, each.stamp) for each in loras))
        if key == self._worn:
            return
        try:
            whose = f"the subject's weights in {subject.source}" if subject else "a LoRA's weights"
            with telling_bad_weights(f"{whose} do not fit {self.base.source}"):
                self._merged.wear(list(_changes(subject, loras)), subject.full if subject else None)
                self._tokens.wear(subject.identifier if subject else "", subject.tokens if subject else None)
        except Exception:
            self._merged.wear()
            self._tokens.wear()
            self._worn = ()
            raise
        self._worn = key
        # Two customers' prompts are encoded alike unless one of them has changed the text encoder or brought words.
        self.encoder.worn = key if "text_encoder" in self._merged.changed_parts or self._tokens.worn else None


def _changes(subject: Subject | None, loras: tuple[NamedLora, ...]) -> Iterator[tuple[Change, float]]:
    own = next((each.lora for each in loras if each.lora.name == SUBJECT), Lora(SUBJECT, 1.0, 1.0))
    of_subject: tuple[Change, ...] = (*subject.layers, *subject.differences) if subject else ()
    for lora, changes in [(own, of_subject), *((each.lora, each.layers) for each in loras)]:
        for change in changes:
            yield change, lora.weight if change.part == "unet" else lora.text_weight


class Engine:
    """All that is loaded in this process; one stage uses it at a time."""

    def __init__(self, budget: int | None = None) -> None:
        """`budget`, bytes: what base models may take together; None: a share of what is free now."""
        self._device = pick_device()
        self.budget = budget or int(BUDGET * free_memory(self._device))
        self._residents: dict[Key, Resident] = {}
        self._subjects: dict[str, Subject] = {}
        self._lock = threading.RLock()

    @contextmanager
    def base_model(
        self, source: str, revision: str | None, precision: Precision | None = None, *, compiled: bool = False
    ) -> Iterator[Resident]:
        """The base model, loaded now if it is not, this thread's alone meanwhile. Raises BadWeights, OutOfMemory."""
        with self._lock:
            dtype = DTYPES[precision or fast_precision(self._device)]
            key = (source, revision, dtype, compiled, *_stamp(source))
            resident = self._residents.pop(key, None) or self._load(source, revision, dtype, compiled)
            self._residents[key] = resident  # the one used last stands last
            try:
                yield resident
            finally:
                self._shrink()

    def subject(self, folder: Path) -> Subject:
        """The subject whose weights lie in `folder`, from memory when it was here lately. Raises BadWeights."""
        with self._lock:
            sha256 = hash_subject(folder)
            found = self._subjects.pop(sha256, None) or read_subject(folder, sha256)
            self._subjects[sha256] = found
            while len(self._subjects) > SUBJECTS or (found.is_large and len(self._subjects) > 1):
                del self._subjects[next(iter(self._subjects))]
            return found

    def make_room(self, source: str) -> bool:
        """Memory was short: let go of every base model but this one. False when there was no other."""
        with self._lock:
            others = [key for key in self._residents if key[0] != source]
            for key in others:
                del self._residents[key]
            let_go()
            return bool(others)

    def held(self) -> list[str]:
        """SHA-256 of the base models in memory, the one used last first."""
        return [resident.sha256 for resident in reversed([*self._residents.values()])]

    def _load(self, source: str, revision: str | None, dtype: torch.dtype, compiled: bool) -> Resident:
        size = _size(source, dtype)
        while self._residents and sum(each.bytes for each in self._residents.values()) + size > self.budget:
            self._forget_oldest()
        return Resident(source, revision, self._device, dtype, compiled=compiled)

    def _shrink(self) -> None:
        """Weights kept for subjects have grown since the base models were loaded."""
        while len(self._residents) > 1 and sum(each.bytes for each in self._residents.values()) > self.budget:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        del self._residents[next(iter(self._residents))]
        let_go()


def fast_precision(device: torch.device) -> Precision:
    """Half on a gpu; on CPUs bfloat16 where they multiply it in hardware."""
    if device.type == "cuda":
        return "fp16"
    return "bf16" if multiplies_bfloat16() else "fp32"


def _stamp(source: str) -> Iterator[object]:
    """Changes when a folder's weights do."""
    for path in sorted(Path(source).rglob("*.safetensors")) if Path(source).is_dir() else ():
        told = path.stat()
        yield path.name, told.st_size, told.st_mtime_ns


def _size(source: str, dtype: torch.dtype) -> int:
    """Bytes that a folder's weights take in memory, about; 0 for a repository of the hub."""
    files = Path(source).rglob("*.safetensors") if Path(source).is_dir() else ()
    return sum(_numbers(file) for file in files) * dtype.itemsize


def _numbers(file: Path) -> int:
    """Of all weights in a file; 0 of one that is broken: whoever opens it next says so."""
    try:
        with safe_open(file, "pt") as held:
            return sum(math.prod(held.get_slice(name).get_shape()) for name in held.keys())  # noqa: SIM118  # no mapping
    except (OSError, SafetensorError):
        return 0


_engine: Engine | None = None
_making = threading.Lock()


def engine() -> Engine:
    """This process's."""
    global _engine
    with _making:
        _engine = _engine or Engine()
        return _engine


def loaded(config: GenerateConfig) -> AbstractContextManager[Resident]:
    """The base model of these settings in this process's engine, for this thread alone."""
    if config.engine_memory:
        engine().budget = int(config.engine_memory * 2**30)
    return engine().base_model(config.base_model, config.revision, config.precision, compiled=config.compiled)
