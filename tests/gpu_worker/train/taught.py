"""A small training in memory for the tests of the trainer: a random base model, a random lesson, few train steps."""

import copy
from pathlib import Path
from typing import Any

import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.train import TrainConfig
from gpu_worker.train import checkpoints as saves
from gpu_worker.train.lessons import Lesson
from gpu_worker.train.trainer import Trainer

SMALL: dict[str, Any] = {
    "rank": 2,
    "lora_alpha": 4,
    "train_batch_size": 2,
    "learning_rate": 1e-2,
    "text_encoder_lr": 1e-2,
    "token_lr": 1e-2,
    "num_validation_images": 0,
}
STEPS = 4
MARK = "this training"


def config_of(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate(SMALL | settings)


def lesson_of(config: TrainConfig, *, instances: int = 5, others: int = 3, weighted: bool = False) -> Lesson:
    """Latents of noise; weights that count the left half alone, where asked for."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.cat([torch.full((1, 1, 16, 8), 2.0), torch.zeros(1, 1, 16, 8)], dim=3)
    prompts = [config.prompt("a photo of a {identifier} {class_noun}"), "a photo of a person"]
    return Lesson(
        prompts=[*prompts, ""] if config.caption_dropout else prompts,
        instance_latents=torch.randn(instances, 4, 16, 16, generator=generator),
        instance_prompt=torch.zeros(instances, dtype=torch.int64),
        class_latents=torch.randn(others, 4, 16, 16, generator=generator),
        class_prompt=torch.ones(others, dtype=torch.int64),
        instance_weights=weights.repeat(instances, 1, 1, 1) if weighted else None,
        empty_prompt=2 if config.caption_dropout else None,
    )


def trainer_of(base: BaseModel, config: TrainConfig, total: int = STEPS, **lesson: Any) -> Trainer:
    """Over a copy of `base`."""
    return Trainer(copy.deepcopy(base), lesson_of(config, **lesson), config, total)


def finished(trainer: Trainer) -> Trainer:
    while len(trainer.losses) < trainer.total_steps:
        trainer.step()
    return trainer


def interrupted(base: BaseModel, config: TrainConfig, folder: Path, after: tuple[int, ...], pieces: int = 4) -> Trainer:
    """Trained by a new process's trainer from each of the train steps `after` on."""
    trainer = trainer_of(base, config)
    trainer.images_per_piece = pieces
    for step in after:
        while len(trainer.losses) < step:
            trainer.step()
        saves.save(folder, trainer.progress, MARK)
        trainer = trainer_of(base, config)
        trainer.images_per_piece = pieces
        assert saves.restore(folder, trainer.progress, MARK)
    return finished(trainer)


def same(one: Trainer, other: Trainer) -> bool:
    """All that was learnt, the averages, and every loss, bit by bit."""
    pairs = list(zip(one.parameters, other.parameters, strict=True))
    if one.average and other.average:
        pairs += list(zip(one.average.values, other.average.values, strict=True))  # type: ignore[arg-type]  # tensors
    return (
        all(torch.equal(mine, theirs) for mine, theirs in pairs)
        and one.losses == other.losses
        and one.prior_losses == other.prior_losses
    )
