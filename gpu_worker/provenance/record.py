"""images.json: what was drawn and by what, so that the same image can be drawn again.

Nothing is drawn and no pixel is read here; redraw.py follows a record.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

RECORD = "images.json"


class _Told(BaseModel):
    """Part of a record. Fields that a later version adds are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class BaseModelUsed(_Told):
    """`sha256` as hash_base_model() tells it: repository@commit for a base model of the hub."""

    name: str  # short: no folder of the worker
    sha256: str


class MadeBy(_Told):
    """What all images of a stage run have in common: the same again, on the same device, draws the same pixels."""

    photogen: str
    torch: str
    diffusers: str
    device: str
    dtype: str
    base_model: BaseModelUsed
    subject_sha256: str | None = None  # of the subject's weights; None: drawn without a subject
    loras: dict[str, str] = {}  # name in `<lora:name:1>` → SHA-256 of its file
    settings: dict[str, Any]  # all of GenerateConfig as JSON, defaults included
    style: dict[str, Any] = {}  # what the style of that name said then, the customer's own prompts in its place


class Drawn(_Told):
    """One image. `width` and `height` are the file's, in pixels."""

    file: str
    prompt_index: int = 0
    prompt: str  # as it was drawn, the subject's name filled in
    negative_prompt: str = ""
    seed: int
    width: int
    height: int
    first_width: int | None = None  # px, of the first pass
    first_height: int | None = None
    sampler: str  # its title, as in generate.samplers.TITLES
    num_inference_steps: int
    guidance_scale: float
    hires_scale: float | None = None  # None: no second pass
    hires_strength: float | None = None
    faces_redrawn: int = 0  # by the face pass
    upscaled: int = 1  # how many times wider and higher the stage `upscale` made it
    evidence: dict[str, Any] | None = None  # scores and verdict


class Delivery(_Told):
    """How many images were asked for, drawn and accepted; `rejected` counts the others by code."""

    wanted: int
    drawn: int
    accepted: int
    rejected: dict[str, int] = {}


class Record(_Told):
    """All of images.json. Records of older versions have no `made_by`, and their images fewer fields."""

    model_config = ConfigDict(frozen=True, extra="allow")  # who carries a record along keeps what it does not know

    images: list[dict[str, Any]] = Field(default_factory=list)
    made_by: MadeBy | None = None
    delivery: Delivery | None = None
    upscaled_by: dict[str, Any] | None = None  # the enlarging network, by hash, and how it was run

    def drawn(self) -> dict[str, Drawn]:
        """File → image; none for a record that does not say what made them."""
        if self.made_by is None:
            return {}
        return {image["file"]: Drawn.model_validate(image) for image in self.images}

    def enlarged(self, scale: int, by: Mapping[str, Any]) -> "Record":
        """The record of the same images, each `scale` times as wide and high; `by` says what made them so."""
        images = [self._enlarged(image, scale) for image in self.images]
        return self.model_copy(update={"images": images, "upscaled_by": dict(by)})

    def _enlarged(self, image: dict[str, Any], scale: int) -> dict[str, Any]:
        sized = image | {"width": image["width"] * scale, "height": image["height"] * scale}
        return sized if self.made_by is None else sized | {"upscaled": image.get("upscaled", 1) * scale}

    def write(self, folder: Path) -> None:
        told = {name: part for name, part in self.model_dump(mode="json").items() if part is not None}
        (folder / RECORD).write_text(json.dumps(told, indent=1))


def read_record(file: Path) -> Record:
    """Raises pydantic.ValidationError when it is none, OSError when it cannot be read."""
    return Record.model_validate_json(file.read_bytes())


def record_of(images: list[Drawn], made_by: MadeBy, delivery: Delivery | None = None) -> Record:
    """What the stage `generate` writes."""
    return Record(images=[image.model_dump(mode="json") for image in images], made_by=made_by, delivery=delivery)


def made_by(
    settings: Mapping[str, Any],
    base_model: str,
    base_sha256: str,
    device: Any,
    dtype: Any,
    *,
    subject: Path | None = None,
    loras: Mapping[str, Path] | None = None,
    style: Mapping[str, Any] | None = None,
) -> MadeBy:
    """Put together what is known when a stage begins.

    `settings`: GenerateConfig's model_dump(mode="json"). `base_model`: its name or folder. `base_sha256`: from
    hash_base_model(). `device`, `dtype`: torch's. `subject`: the folder with the subject's weights. `loras`: the files
    of the LoRAs that prompts name.
    """
    return MadeBy(
        photogen=version("photogen"),
        torch=version("torch"),
        diffusers=version("diffusers"),
        device=_device_name(device),
        dtype=str(dtype).removeprefix("torch."),
        base_model=BaseModelUsed(name=short_name(base_model), sha256=base_sha256),
        subject_sha256=hash_weights(subject) if subject else None,
        loras={name: _sha256(file) for name, file in sorted((loras or {}).items())},
        settings=dict(settings),
        style=dict(style or {}),
    )


def hash_weights(place: Path) -> str:
    """SHA-256 of a file, or of the one safetensors file in a folder, as sha256sum tells it; of several, over names and
    hashes. Raises OSError.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.safetensors"))
    if len(files) == 1:
        return _sha256(files[0])
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{_sha256(file)}  {file.relative_to(place).as_posix()}\n".encode())
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def short_name(base_model: str) -> str:
    """Of a base model, for customers: never the folder where a worker keeps it."""
    from gpu_worker.base_models.pocket import WEIGHTS

    if Path(base_model) == WEIGHTS:
        return "pocket"
    return Path(base_model).name if Path(base_model).is_dir() else base_model


def _device_name(device: Any) -> str:
    """On a CPU, sums depend on its vector width and on how many threads share them."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    width = torch.backends.cpu.get_cpu_capability()
    return f"{device.type} {platform.machine()} {width}, {torch.get_num_threads()} threads"
