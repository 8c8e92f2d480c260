"""The recipes that are compared, as settings of a training. Nothing is trained here.

`ours` is what a customer gets: the base model's defaults. `example` is the recipe of diffusers' script
examples/dreambooth/train_dreambooth_lora.py as its documentation tells it, on the same base model with the same batch
size and resolution.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from gpu_worker.train import TrainConfig
from gpu_worker.train.defaults import training_defaults
from tests.benchmarks.quality_customers import PHOTOS
from tests.benchmarks.quality_drawn import drawn_by
from tests.benchmarks.quality_scale import SEED, Scale

OURS, EXAMPLE, BASE, DESCRIBED, PHOTOS_ALONE = "ours", "example", "base", "base described", "photos"
UNTRAINED = (PHOTOS_ALONE, BASE, DESCRIBED)
SEARCHED = (OURS, EXAMPLE)
INSTANCE_PHOTOS = PHOTOS - 1  # one is held out
KEEP_ALL = 1000  # checkpoints: each is judged
SHAPES_NOTHING = {"base_model", "checkpointing_steps", "checkpoints_total_limit", "clip_weights"}

# The script's own defaults and its documentation's commands; learning rate and train steps are searched.
AS_DOCUMENTED: dict[str, Any] = {
    "method": "lora",
    "rank": 4,
    "lora_alpha": 4,  # the script: lora_alpha is the rank
    "lora_targets": ("to_k", "to_q", "to_v", "to_out.0"),
    "use_dora": False,
    "train_text_encoder": False,
    "instance_prompt": "a photo of a {identifier} {class_noun}",  # one for all photos
    "caption_photos": False,
    "caption_dropout": 0.0,
    "class_prompts": ("a photo of a {class_noun}",),
    "num_class_images": 100,
    "prior_loss_weight": 1.0,
    "snr_gamma": None,
    "noise_offset": 0.0,
    "background_probability": 0.0,  # photos as they are
    "background_loss_weight": 1.0,
    "variants_per_photo": 1,
    "crop_jitter": 0.0,
    "random_flip": False,
    "use_ema": False,
    "optimizer": "adamw",
    "lr_scheduler": "constant",
    "lr_warmup_steps": 0,
    "num_validation_images": 0,  # the last train step's weights are taken
}
# Not the recipe's but the base model's or the comparison's: taken from the base model's defaults.
SHARED = (
    "base_model",
    "class_noun",
    "seed",
    "resolution",
    "train_batch_size",
    "gradient_accumulation_steps",
    "class_inference_steps",
    "class_guidance_scale",
    "mixed_precision",
    "gradient_checkpointing",
)


def ours(base_model: str, class_noun: str, scale: Scale, **changed: Any) -> TrainConfig:
    """The defaults for this base model, over which `changed` goes."""
    params: dict[str, Any] = {"base_model": base_model, "class_noun": class_noun, "seed": SEED}
    # Checkpoints change no weights; the benchmark judges them.
    params |= {"checkpoints_total_limit": KEEP_ALL, "max_train_steps": scale.train_steps, **dict(scale.own_settings)}
    return TrainConfig.model_validate(
        training_defaults(base_model, changed.get("method"))
        | {name: value for name, value in params.items() if value is not None}
        | changed
    )


def example(base_model: str, class_noun: str, scale: Scale, learning_rate: float, train_steps: int) -> TrainConfig:
    """The example's recipe with what was searched for it."""
    usual = ours(base_model, class_noun, scale)
    settings = {name: getattr(usual, name) for name in SHARED} | AS_DOCUMENTED
    few = dict(scale.own_settings).get("num_class_images", AS_DOCUMENTED["num_class_images"])
    settings |= {"num_class_images": few, "learning_rate": learning_rate, "max_train_steps": train_steps}
    return TrainConfig.model_validate(settings | {"checkpoints_total_limit": KEEP_ALL})


def own_steps(base_model: str, scale: Scale) -> int:
    """Train steps of the default for a whole set of photos."""
    return ours(base_model, "person", scale).steps_for(INSTANCE_PHOTOS)


def fingerprint(config: TrainConfig, base_hash: str, *more: object) -> str:
    """Of all that shapes a result: where a setting, the base model or a drawn face is another, what was measured
    no longer holds.
    """
    told = config.model_dump(mode="json", exclude=SHAPES_NOTHING)
    shaped_by = [told, base_hash, drawn_by(), [repr(each) for each in more]]
    return hashlib.sha256(json.dumps(shaped_by).encode()).hexdigest()[:12]
