"""The train step: what it learns, how it is divided, what stops it, and that an interruption leaves no trace."""

import math
import pickle
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.errors import TrainingDiverged
from gpu_worker.train.batches import Batches
from gpu_worker.train.divergence import EXPLODED, RISEN, WINDOW, check_train_step
from gpu_worker.weights import open_base_model
from tests.gpu_worker.train.taught import STEPS, config_of, finished, interrupted, lesson_of, same, trainer_of


@pytest.fixture(scope="module")
def base(random_pocket: Path) -> BaseModel:
    return open_base_model(str(random_pocket), None, torch.device("cpu"))


COMBINED: list[dict[str, Any]] = [
    {"method": "lora", "train_text_encoder": True, "train_text_encoder_frac": 0.5, "use_ema": True},
    {"method": "lora", "use_dora": True, "lr_scheduler": "cosine", "lr_warmup_steps": 2, "caption_dropout": 0.5},
    {"method": "full", "train_text_encoder": True, "use_ema": True, "lr_scheduler": "polynomial"},
    {"method": "pivotal", "train_text_encoder": True, "use_ema": True, "snr_gamma": 5.0},
    {"method": "lora", "optimizer": "prodigy", "learning_rate": 1.0, "train_text_encoder": True},
    {"method": "pivotal", "optimizer": "prodigy", "learning_rate": 1.0, "noise_offset": 0.1},
]


def told(settings: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())


@pytest.mark.parametrize("settings", COMBINED, ids=told)
def test_an_interrupted_training_ends_with_the_same_weights(
    base: BaseModel, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Twice, at train steps drawn by chance, also between the phases of a training."""
    config = config_of(**settings)
    after = sorted(random.Random(told(settings)).sample(range(1, STEPS), 2))
    whole = finished(trainer_of(base, config))
    assert same(whole, interrupted(base, config, tmp_path, (after[0], after[1])))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full", "pivotal"])
@pytest.mark.parametrize("optimizer", ["adamw", "prodigy"])
@pytest.mark.parametrize("use_ema", [False, True])
@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("after", [(1, 3), (2, 3), (2, 2)])
def test_no_combination_forgets(
    base: BaseModel, tmp_path: Path, method: str, optimizer: str, use_ema: bool, pieces: int, after: tuple[int, ...]
) -> None:
    rate = 1.0 if optimizer == "prodigy" else 1e-2
    config = config_of(
        method=method, optimizer=optimizer, use_ema=use_ema, learning_rate=rate, train_text_encoder=True,
        train_text_encoder_frac=0.7, gradient_checkpointing=True,
    )  # fmt: skip
    whole = trainer_of(base, config)
    whole.images_per_piece = pieces
    assert same(finished(whole), interrupted(base, config, tmp_path, after, pieces))


@pytest.mark.parametrize("precision", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_half_precision_keeps_what_learns_in_float32_and_resumes(
    base: BaseModel, tmp_path: Path, precision: str
) -> None:
    config = config_of(mixed_precision=precision)
    whole = finished(trainer_of(base, config))
    assert {parameter.dtype for parameter in whole.parameters} == {torch.float32}
    assert next(whole.base.denoiser.parameters()).dtype.itemsize == 2
    assert same(whole, interrupted(base, config, tmp_path, (1, 3)))


def test_pieces_make_the_same_train_step(base: BaseModel) -> None:
    """Gradients of pieces add up to the batch's: with the noise of all images fixed, the weights agree."""
    whole, divided = (trainer_of(base, config_of(optimizer="adamw", learning_rate=1e-4)) for _ in range(2))
    divided.images_per_piece = 1
    for trainer in (whole, divided):
        _fix_noise(trainer.base)
        trainer.step()
    assert divided.losses == pytest.approx(whole.losses, rel=1e-5)
    assert divided.prior_losses == pytest.approx(whole.prior_losses, rel=1e-5)
    for one, other in zip(whole.parameters, divided.parameters, strict=True):
        assert torch.allclose(one, other, atol=2e-5)


def _fix_noise(base: Any) -> None:
    original: Callable[..., torch.Tensor] = base.loss_per_image

    def one_by_one(latents: torch.Tensor, conditioning: Any, generator: Any, *more: Any) -> torch.Tensor:
        """Every image with the very same noise, however many come at once."""
        losses = [
            original(latents[n : n + 1], conditioning.take(torch.tensor([n])), torch.Generator().manual_seed(7), *more)
            for n in range(len(latents))
        ]
        return torch.cat(losses)

    base.loss_per_image = one_by_one


@pytest.mark.parametrize("method", ["lora", "full", "pivotal"])
def test_what_is_frozen_stays_bit_by_bit(base: BaseModel, method: str) -> None:
    trainer = trainer_of(base, config_of(method=method))
    learnt = {id(parameter) for parameter in trainer.parameters}
    frozen = {
        f"{part}.{name}": (parameter, parameter.detach().clone())
        for part, module in trainer.base.parts.items()
        for name, parameter in module.named_parameters()
        if id(parameter) not in learnt
    }
    before = [parameter.detach().clone() for parameter in trainer.parameters]
    finished(trainer)
    assert all(torch.equal(now, then) for now, then in frozen.values())
    moved = [not torch.equal(now, then) for now, then in zip(trainer.parameters, before, strict=True)]
    assert sum(moved) > 0.9 * len(moved)


def test_the_text_encoder_stops_at_its_share_of_the_train_steps(base: BaseModel) -> None:
    trainer = trainer_of(base, config_of(train_text_encoder=True, train_text_encoder_frac=0.5))
    words = list(trainer.groups[1].parameters.values())
    seen = []
    for _ in range(STEPS):
        trainer.step()
        seen.append(torch.cat([parameter.detach().flatten() for parameter in words]))
    moved = [not torch.equal(one, other) for one, other in pairwise(seen)]
    assert moved == [True, False, False]


def test_prompts_are_encoded_once_where_nothing_of_them_learns(base: BaseModel) -> None:
    trainer = trainer_of(base, config_of())
    asked: list[int] = []
    original = trainer.base.encode_prompts

    def counted(prompts: Any) -> Any:
        asked.append(len(prompts))
        return original(prompts)

    trainer.base.encode_prompts = counted  # type: ignore[method-assign]  # counts calls
    finished(trainer)
    assert asked == [2]


def test_without_class_images_there_is_no_prior_loss(base: BaseModel) -> None:
    trainer = trainer_of(base, config_of(), others=0)
    trainer.step()
    assert trainer.prior_losses == []


def test_prior_loss_counts_as_much_as_it_is_told(base: BaseModel) -> None:
    """Without weight, class images leave no trace in the weights; their loss is told all the same."""
    weighty, weightless, alone = (
        trainer_of(base, config_of(prior_loss_weight=1.0)),
        trainer_of(base, config_of(prior_loss_weight=0.0)),
        trainer_of(base, config_of(prior_loss_weight=0.0), others=1),
    )
    for trainer in (weighty, weightless, alone):
        trainer.step()
    assert all(torch.allclose(a, b) for a, b in zip(weightless.parameters, alone.parameters, strict=True))
    assert not all(torch.allclose(a, b) for a, b in zip(weighty.parameters, weightless.parameters, strict=True))
    assert weightless.prior_losses[0] > 0


def test_weights_say_where_the_loss_counts(base: BaseModel) -> None:
    plain, weighted = trainer_of(base, config_of()), trainer_of(base, config_of(), weighted=True)
    assert plain.step() != weighted.step()
    assert plain.prior_losses == weighted.prior_losses


def test_the_average_is_worn_and_taken_off(base: BaseModel) -> None:
    trainer = finished(trainer_of(base, config_of(use_ema=True)))
    own = [parameter.detach().clone() for parameter in trainer.parameters]
    assert trainer.average
    with trainer.weights():
        assert all(torch.equal(p, a) for p, a in zip(trainer.parameters, trainer.average.values, strict=True))
        assert any(not torch.equal(p, o) for p, o in zip(trainer.parameters, own, strict=True))
    assert all(torch.equal(p, o) for p, o in zip(trainer.parameters, own, strict=True))


def test_saved_weights_come_back_and_others_do_not(base: BaseModel, tmp_path: Path) -> None:
    trainer = trainer_of(base, config_of())
    trainer.step()
    trainer.save(tmp_path / "first")
    first = [parameter.detach().clone() for parameter in trainer.parameters]
    finished(trainer)
    trainer.load(tmp_path / "first")
    assert all(torch.equal(p, o) for p, o in zip(trainer.parameters, first, strict=True))
    other = trainer_of(base, config_of(rank=3))
    before = [parameter.detach().clone() for parameter in other.parameters]
    with pytest.raises(ValueError, match="other weights"):
        other.load(tmp_path / "first")
    assert all(torch.equal(p, o) for p, o in zip(other.parameters, before, strict=True))


def test_every_image_comes_once_an_epoch_in_an_order_of_seed_and_train_step() -> None:
    config = config_of(train_batch_size=2)
    lesson = lesson_of(config, instances=5, others=3)
    one, other = (Batches(lesson, config, torch.device("cpu")) for _ in range(2))
    batches = [one.take(step) for step in range(5)]
    assert torch.equal(other.take(4).latents, batches[4].latents)  # nobody asked for those before
    shown = torch.cat([batch.latents[:2] for batch in batches])
    for epoch in (shown[:5], shown[5:]):
        places = [int((lesson.instance_latents == image).flatten(1).all(1).nonzero()) for image in epoch]
        assert sorted(places) == [0, 1, 2, 3, 4]
    reseeded = Batches(lesson, config_of(train_batch_size=2, seed=1), torch.device("cpu"))
    assert any(not torch.equal(reseeded.take(step).latents, batches[step].latents) for step in range(5))


def test_accumulation_takes_more_images_into_a_train_step() -> None:
    """As diffusers' scripts mean it."""
    config = config_of(train_batch_size=1, gradient_accumulation_steps=3)
    batch = Batches(lesson_of(config), config, torch.device("cpu"))
    assert (batch.size, batch.images, len(batch.take(0).latents)) == (3, 6, 6)


def test_captions_are_dropped_for_their_share_of_instance_images_only() -> None:
    config = config_of(train_batch_size=4, caption_dropout=0.25)
    batches = Batches(lesson_of(config), config, torch.device("cpu"))
    prompts = torch.stack([batches.take(step).prompt for step in range(200)])
    assert 0.2 < (prompts[:, :4] == 2).float().mean() < 0.3
    assert (prompts[:, 4:] == 1).all()
    assert torch.equal(batches.take(7).prompt, prompts[7])


def test_a_ruined_training_stops_and_names_the_train_step(base: BaseModel) -> None:
    trainer = trainer_of(base, config_of(method="full", learning_rate=1e6, max_grad_norm=1e9), total=50)
    with pytest.raises(TrainingDiverged, match=r"at train step \d"):
        finished(trainer)
    assert len(trainer.losses) < 50


NORMAL = [0.1, 0.3] * WINDOW


@pytest.mark.parametrize(
    "losses", [[math.nan], [*NORMAL, math.inf], [EXPLODED * 1.01], [*NORMAL, *[RISEN * 0.201] * WINDOW]]
)
def test_losses_of_ruined_weights(losses: list[float]) -> None:
    with pytest.raises(TrainingDiverged, match=f"at train step {len(losses)}"):
        check_train_step(losses, 1.0)


def test_losses_that_rose_cast_doubt_on_all_that_were_compared() -> None:
    losses = [*NORMAL, *[RISEN] * WINDOW]
    with pytest.raises(TrainingDiverged) as told:
        check_train_step(losses, 1.0)
    assert told.value.since == len(losses) - WINDOW + 1
    again = pickle.loads(pickle.dumps(told.value))
    assert (str(again), again.since) == (str(told.value), told.value.since)


def test_a_gradient_that_is_no_number() -> None:
    with pytest.raises(TrainingDiverged, match="gradient"):
        check_train_step([0.1], math.nan)


@pytest.mark.parametrize("losses", [NORMAL, [], [*NORMAL, EXPLODED * 0.99], [*NORMAL, *[RISEN * 0.199] * WINDOW]])
def test_losses_that_jump_are_let_be(losses: list[float]) -> None:
    check_train_step(losses, 1.0)
