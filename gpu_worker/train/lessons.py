"""What is learnt: the customer's instance images and the class images, as latents with their prompts and weights.

No optimiser and no loss; what a variant, a prompt or a weight is stands in variants, captions and loss_weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from gpu_worker.base_models.family import BaseModel
from gpu_worker.errors import BadPhotos
from gpu_worker.stage import OnStep, SharedContent
from gpu_worker.train.captions import instance_prompts
from gpu_worker.train.class_images import class_latents
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.latents import Latents, batch_size, in_batches
from gpu_worker.train.loss_weights import loss_weights
from gpu_worker.train.variants import Variant, draw_variants, instance_paths

ENCODING = 0.3  # share of the preparation; class images take the rest where nobody has drawn them yet


@dataclass(frozen=True)
class Lesson:
    """What is learnt, all of it on the CPU: latents of instance and class images, and what stands beside them.

    `prompts` are all texts, the instance images' and the class images'. `instance_latents`, float32 (N, channels, h,
    w), and `class_latents`, float32 (M, channels, h, w); M = 0 switches prior preservation off. `instance_prompt`,
    int64 (N,), and `class_prompt`, int64 (M,): the index of each image's prompt. `instance_weights`, float32 (N, 1, h,
    w) with mean 1 per image: where the instance loss counts more; None: everywhere alike. `empty_prompt`: the index of
    "", which stands for no prompt where caption dropout takes it away; None without dropout.
    """

    prompts: Sequence[str]
    instance_latents: torch.Tensor
    instance_prompt: torch.Tensor
    class_latents: torch.Tensor
    class_prompt: torch.Tensor
    instance_weights: torch.Tensor | None = None
    empty_prompt: int | None = None


class _Instances(NamedTuple):
    """Variants that were encoded; N of them."""

    latents: torch.Tensor
    weights: torch.Tensor
    photo: torch.Tensor  # int64 (N,), which photo each shows
    plain: torch.Tensor  # int64 (N,), 1 where the background was replaced
    matted: torch.Tensor  # bool (N,)


def prepare(
    inputs: Path, base: BaseModel, base_hash: str, config: TrainConfig, shared: SharedContent | None, on_step: OnStep
) -> Lesson:
    """All that training needs of inputs/preprocess/instance, inputs/matte/cutout and inputs/matte/made.

    The VAE is not asked again afterwards. Raises BadPhotos with `too_few_photos` when there is no photo.
    """
    preprocess, matte = inputs / "preprocess", inputs / "matte"
    if not instance_paths(preprocess, matte):
        raise BadPhotos("too_few_photos", "There is no photo to learn from.")
    side = config.resolution or base.resolution
    instances = _instances(preprocess, matte, base, side, config, on_step)
    others = _class_latents(base, base_hash, config, shared, on_step, like=instances.latents)
    pairs = instance_prompts(preprocess, matte, side, config)
    of_class = [config.prompt(text) for text in config.class_prompts] if len(others) else []
    prompts = [*(text for pair in pairs for text in pair), *of_class]
    return Lesson(
        prompts=[*prompts, ""] if config.caption_dropout else prompts,
        instance_latents=instances.latents,
        instance_prompt=2 * (instances.photo % len(pairs)) + instances.plain,
        class_latents=others,
        class_prompt=2 * len(pairs) + torch.arange(len(others)) % max(1, len(of_class)),
        instance_weights=instances.weights if instances.matted.any() else None,
        empty_prompt=len(prompts) if config.caption_dropout else None,
    )


def _instances(
    preprocess: Path, matte: Path, base: BaseModel, side: int, config: TrainConfig, on_step: OnStep
) -> _Instances:
    """Draw, encode and forget the variants batch by batch: pixels of a whole set take half a gigabyte at 1024 px."""
    encoder = Latents(base, config.seed)
    total = config.variants_per_photo * len(instance_paths(preprocess, matte))
    parts: list[_Instances] = []
    done = 0
    for batch in in_batches(draw_variants(preprocess, matte, side, config), batch_size(side)):
        if done:  # who waits hears of it while it lasts, not at its end
            on_step(ENCODING * done / total, f"encoded {done}/{total} variants")
        parts.append(_encoded(batch, encoder, config.background_loss_weight))
        done += len(batch)
    return _Instances(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _encoded(batch: Sequence[Variant], encoder: Latents, background: float) -> _Instances:
    latents = encoder.of([variant.pixels for variant in batch])
    alphas = [variant.alpha for variant in batch]
    height, width = latents.shape[-2:]
    return _Instances(
        latents,
        loss_weights(alphas, (height, width), background),
        torch.tensor([variant.photo for variant in batch]),
        torch.tensor([int(variant.plain) for variant in batch]),
        torch.tensor([alpha is not None for alpha in alphas]),
    )


def _class_latents(
    base: BaseModel,
    base_hash: str,
    config: TrainConfig,
    shared: SharedContent | None,
    on_step: OnStep,
    *,
    like: torch.Tensor,
) -> torch.Tensor:
    """Latents of the class images, none without prior preservation."""
    if not config.num_class_images:
        return torch.zeros(0, *like.shape[1:])

    def report(progress: float, line: str) -> None:
        on_step(ENCODING + (1 - ENCODING) * progress, line)

    return class_latents(base, base_hash, config, shared, report)
