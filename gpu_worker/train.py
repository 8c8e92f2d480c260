"""The stage `train`: teach the base model one person.

Photos are ready squares by now; what is drawn with the result belongs to `generate`.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field

from gpu_worker import checkpoints as saves
from gpu_worker.base_models.family import BaseModel
from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.captions import describe
from gpu_worker.dataset import class_latents, encode, instance_photos, instance_variants
from gpu_worker.device import pick_device, telling_out_of_memory
from gpu_worker.dreambooth import DreamBooth, Hyperparameters, Lesson, trained_parts
from gpu_worker.evidence.limits import domain_of
from gpu_worker.evidence.references import write_references
from gpu_worker.loss_curve import draw_loss_curve
from gpu_worker.prompts import fill
from gpu_worker.stage import OnStep, silent
from gpu_worker.train_defaults import training_defaults
from gpu_worker.weights import RECORD, hash_base_model, open_base_model, save_full, save_lora

PREPARATION = 0.2  # share of the progress bar before the first train step
SHOWN_OVER = 20  # train steps averaged in the loss that is shown


class TrainConfig(Hyperparameters):
    """All that shapes a subject's weights. Prompts may hold {identifier} and {class_noun}."""

    base_model: str = str(WEIGHTS)
    revision: str | None = None
    identifier: str = Field(default="sks", pattern=r"^[A-Za-z0-9]{1,16}$")
    class_noun: str = Field(default="person", pattern=r"^[A-Za-z][A-Za-z -]{0,31}$")
    instance_prompt: str = "a photo of a {identifier} {class_noun}"
    caption_photos: bool = False  # say in the instance prompt what each photo shows besides the subject; pocket only
    class_prompts: tuple[str, ...] = Field(default=("a photo of a {class_noun}",), min_length=1)
    num_class_images: int = Field(default=200, ge=0)  # 0: no prior preservation
    class_inference_steps: int = 25
    class_guidance_scale: float = 7.5
    resolution: int | None = None  # px; None: the base model's own
    variants_per_photo: int = Field(default=8, ge=1)
    background_probability: float = Field(default=0.5, ge=0, le=1)
    checkpointing_steps: int = Field(default=100, ge=1)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Own settings of `params` over the base model's defaults; None means "not given"."""
        given = {key: value for key, value in params.items() if value is not None}
        usual = training_defaults(given.get("base_model", str(WEIGHTS)), given.get("method"))
        return cls.model_validate(usual | given)

    def prompt(self, text: str) -> str:
        """Fill a prompt of these settings."""
        return fill(text, self.identifier, self.class_noun)


def train_dreambooth(
    inputs: Path,
    outputs: Path,
    config: TrainConfig,
    *,
    on_step: OnStep | None = None,
    checkpoints: Path | None = None,
    shared: Path | None = None,
) -> None:
    """Train on inputs/preprocess/instance, with the cutouts in inputs/matte/cutout where they exist.

    Writes outputs/pytorch_lora_weights.safetensors (method `lora`) or outputs/unet/ and outputs/text_encoder/
    (method `full`), float16; training.json (settings, base model hash, seconds, losses); loss.png; faces.json, the
    photos' faces, which images are compared with.
    Every `checkpointing_steps` train steps all that is needed to go on is in the one *.safetensors file of
    `checkpoints`, and on_step is called right after; a later call with the same settings and photos goes on
    from there. Class images are kept in `shared` and found there again.
    Raises BadWeights, OutOfMemory, TrainingDiverged.
    """
    on_step = on_step or silent
    seconds: dict[str, float] = {}
    with telling_out_of_memory():
        with _timed(seconds, "load"):
            base = open_base_model(config.base_model, config.revision, pick_device())
            base_hash = hash_base_model(config.base_model, config.revision)
        if domain_of(config.base_model).likeness is not None:  # nobody's face is kept where nobody compares it
            write_references(inputs / "preprocess", outputs)
        with _timed(seconds, "prepare"):
            kept = shared or checkpoints
            lesson = _prepare(inputs, base, base_hash, config, kept, _part(on_step, 0, PREPARATION))
        with _timed(seconds, "train"):
            training = DreamBooth(base, lesson, config)
            fingerprint = _fingerprint(inputs, config, base_hash)
            _learn(training, config, fingerprint, checkpoints, _part(on_step, PREPARATION, 1))
        save = save_lora if config.method == "lora" else save_full
        save(base, trained_parts(config), outputs)
    draw_loss_curve(training.losses, outputs / "loss.png")
    record = {"config": config.model_dump(), "base_model_hash": base_hash, "seconds": seconds}
    (outputs / RECORD).write_text(json.dumps(record | {"losses": training.losses}))


def _prepare(
    inputs: Path, base: BaseModel, base_hash: str, config: TrainConfig, kept: Path | None, on_step: OnStep
) -> Lesson:
    """Draw the class images, make the instance variants, encode both."""
    class_prompts = [config.prompt(text) for text in config.class_prompts]
    side = config.resolution or base.resolution
    variants, plain = instance_variants(
        inputs / "preprocess",
        inputs / "matte",
        side,
        count=config.variants_per_photo,
        background_probability=config.background_probability,
        seed=config.seed,
    )
    instance = encode(base, variants, config.seed)
    others = torch.zeros(0, *instance.shape[1:])
    if config.num_class_images:
        others = class_latents(
            base,
            base_hash,
            class_prompts,
            count=config.num_class_images,
            inference_steps=config.class_inference_steps,
            guidance_scale=config.class_guidance_scale,
            seed=config.seed,
            shared=kept,
            on_step=on_step,
        )
    prompts = _instance_prompts(inputs, side, config)
    photo = torch.arange(len(instance)) // config.variants_per_photo
    shown = 2 * photo + torch.from_numpy(plain) if len(prompts) > 1 else torch.zeros_like(photo)
    which = len(prompts) + torch.arange(config.num_class_images) % len(class_prompts)
    return Lesson([*prompts, *class_prompts], instance, shown, others, which)


def _instance_prompts(inputs: Path, side: int, config: TrainConfig) -> list[str]:
    """One prompt for all photos, or two for each: as it is, and with a plain background."""
    prompt = config.prompt(config.instance_prompt)
    if not config.caption_photos:
        return [prompt]
    photos = instance_photos(inputs / "preprocess", inputs / "matte", side)
    return [prompt + words for photo in describe(photos) for words in photo]


def _learn(
    training: DreamBooth, config: TrainConfig, fingerprint: str, checkpoints: Path | None, on_step: OnStep
) -> None:
    """Take the train steps that are left, saving on the way."""
    total = config.max_train_steps
    if checkpoints and saves.restore(checkpoints, training.progress, fingerprint):
        on_step(len(training.losses) / total, f"going on from train step {len(training.losses)}/{total}")
    while len(training.losses) < total:
        training.step()
        done, recent = len(training.losses), training.losses[-SHOWN_OVER:]
        if checkpoints and done % config.checkpointing_steps == 0 and done < total:
            saves.save(checkpoints, training.progress, fingerprint)
        try:
            on_step(done / total, f"train step {done}/{total} loss {sum(recent) / len(recent):.4f}")
        except Exception:  # whoever stops the training may want to go on from here
            if checkpoints:
                saves.save(checkpoints, training.progress, fingerprint)
            raise


def _fingerprint(inputs: Path, config: TrainConfig, base_hash: str) -> str:
    """Of all that shapes the result; a checkpoint with another one belongs to another training."""
    digest = hashlib.sha256(f"{base_hash} {config.model_dump_json()}".encode())
    for path in sorted(inputs.glob("*/*/*.png")):
        digest.update(path.relative_to(inputs).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _part(on_step: OnStep, start: float, end: float) -> OnStep:
    """Report a part's own 0..1 as start..end of the whole."""

    def report(progress: float, line: str) -> None:
        on_step(start + (end - start) * progress, line)

    return report


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - started, 2)
