"""The tricks of a training, each on and off, and the default with one of them changed. Settings only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.base_models.pocket.people.vocabulary import SCENES
from gpu_worker.train import TrainConfig
from gpu_worker.train.defaults import training_defaults
from tests.benchmarks import quality_recipes as recipes
from tests.benchmarks.quality_customers import FEW, PHOTOS
from tests.benchmarks.quality_scale import Scale
from tests.benchmarks.quality_training import Training, class_noun

DEFAULT = "default"
# The settings that the default took from this table, as they were: the recipe that is taken apart has these.
BEFORE: dict[str, Any] = {"background_loss_weight": 1.0}
COUNTS = (1, 2, 4, 16)  # photos; the default has PHOTOS
NOUN = "a photo of a {class_noun}"


@dataclass(frozen=True)
class Trick:
    """Settings with which it is on and off; `of`: a setting without which it means nothing."""

    name: str
    on: Mapping[str, Any]
    off: Mapping[str, Any]
    of: str | None = None

    def is_on(self, config: TrainConfig) -> bool:
        """Whatever is not off is on: defaults may have another strength than `on`."""
        return any(getattr(config, name) != value for name, value in self.off.items())

    def applies(self, config: TrainConfig) -> bool:
        return self.of is None or bool(getattr(config, self.of))

    def flipped(self, config: TrainConfig) -> tuple[str, dict[str, Any]]:
        """What the default becomes without it, or with it where the default has it not: a name, and settings."""
        on = self.is_on(config)
        return f"{'without' if on else 'with'} {self.name}", dict(self.off if on else self.on)


TRICKS = (
    Trick("prior preservation", {"num_class_images": 200}, {"num_class_images": 0}),
    Trick(
        "class prompts in all scenes",
        {"class_prompts": (NOUN, *(f"{NOUN}, {scene}" for scene in SCENES.values()))},
        {"class_prompts": (NOUN,)},
        of="num_class_images",
    ),
    Trick("matte-weighted loss", {"background_loss_weight": 0.1}, {"background_loss_weight": 1.0}),
    Trick("background replacement", {"background_probability": 0.5}, {"background_probability": 0.0}),
    Trick("captions", {"caption_photos": True}, {"caption_photos": False}),
    Trick("caption dropout", {"caption_dropout": 0.1}, {"caption_dropout": 0.0}),
    Trick("min-SNR", {"snr_gamma": 5.0}, {"snr_gamma": None}),
    Trick("noise offset", {"noise_offset": 0.05}, {"noise_offset": 0.0}),
    Trick("EMA", {"use_ema": True}, {"use_ema": False}),
    Trick("text encoder", {"train_text_encoder": True}, {"train_text_encoder": False}),
    Trick(
        "text encoder stopped early",
        {"train_text_encoder_frac": 0.5},
        {"train_text_encoder_frac": 1.0},
        of="train_text_encoder",
    ),
    Trick("choice of checkpoint", {"num_validation_images": 2}, {"num_validation_images": 0}),
    Trick("horizontal flip", {"random_flip": True}, {"random_flip": False}),
    Trick("wider crops", {"crop_jitter": 0.25}, {"crop_jitter": 0.08}),
    Trick("cosine lr scheduler", {"lr_scheduler": "cosine"}, {"lr_scheduler": "constant"}),
    Trick("Prodigy", {"optimizer": "prodigy", "learning_rate": 1.0}, {"optimizer": "adamw"}),
    Trick("DoRA", {"use_dora": True}, {"use_dora": False}),
)


def trainings(base_model: str, base_hash: str, scale: Scale) -> list[Training]:
    """Every row of the table with every customer, row by row, the default first."""
    usual = recipes.ours(base_model, "person", scale)
    return [
        _training(name, customer, photos, changed, base_model, base_hash, scale)
        for name, photos, changed in rows(usual.model_copy(update=BEFORE))
        for customer in scale.ablate
    ]


def taken() -> dict[str, Any]:
    """What the default took from this table, as it is now."""
    today = training_defaults(str(WEIGHTS), None)
    return {name: today[name] for name in BEFORE}


def rows(usual: TrainConfig) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(name, photos, settings that differ from the default)."""
    yield DEFAULT, PHOTOS, {}
    for trick in TRICKS:
        if trick.applies(usual):
            name, changed = trick.flipped(usual)
            yield name, PHOTOS, changed
    for photos in COUNTS:
        yield f"{photos} photo{'s' if photos > 1 else ''}", photos, {}


def _training(
    name: str, customer: int, photos: int, changed: dict[str, Any], base_model: str, base_hash: str, scale: Scale
) -> Training:
    usual = recipes.ours(base_model, class_noun(customer), scale, **BEFORE | changed)
    total = usual.steps_for(photos - 1 if photos > FEW else photos)  # one of more than four is held out
    config = usual.model_copy(update={"max_train_steps": total})
    return Training(name, customer, config, (total,), scale.end, scale.end, base_hash, photos)
