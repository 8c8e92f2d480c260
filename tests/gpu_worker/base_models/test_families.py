"""What each family promises, against diffusers' own pipe of it: prompts, latents, loss, LoRA, and its file."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from gpu_worker.base_models.family import BaseModel, load_base_model
from gpu_worker.errors import BadWeights
from gpu_worker.prompt_language import parse
from gpu_worker.train.adapters import opened_in, trained_parts
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.lessons import Lesson
from gpu_worker.train.trainer import Trainer
from gpu_worker.weights import open_base_model, save_lora
from tests.gpu_worker.base_models.tiny import SIDE

PROMPTS = ["a photo of a person", "a red hat"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images() -> torch.Tensor:
    return torch.rand(2, 3, SIDE, SIDE, generator=seeded()) * 2 - 1


def losses(base: BaseModel, seed: int = 1) -> torch.Tensor:
    latents = base.encode_images(images(), seeded())
    return base.loss_per_image(latents, base.encode_prompts(PROMPTS), seeded(seed))


def told_by(pipe: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What diffusers' pipe makes of the prompts."""
    name = type(pipe).__name__
    if name == "FluxPipeline":
        embeds, pooled, _ = pipe.encode_prompt(PROMPTS, device="cpu")
        return embeds, pooled
    if name == "StableDiffusionPipeline":
        return pipe.encode_prompt(PROMPTS, "cpu", 1, False)[0], None
    given = {"prompt_3": None} if name == "StableDiffusion3Pipeline" else {}
    told = pipe.encode_prompt(PROMPTS, prompt_2=None, device="cpu", do_classifier_free_guidance=False, **given)
    return told[0], told[2]


def test_prompts_are_encoded_as_the_pipe_does(base: BaseModel) -> None:
    embeds, pooled = told_by(base.pipe())
    conditioning = base.encode_prompts(PROMPTS)
    assert torch.allclose(conditioning.embeds, embeds, atol=1e-6)
    assert (conditioning.pooled is None) == (pooled is None)
    if pooled is not None:
        assert conditioning.pooled is not None
        assert torch.allclose(conditioning.pooled, pooled, atol=1e-6)


def test_the_generate_stage_encodes_alike(base: BaseModel) -> None:
    trained = base.encode_prompts(PROMPTS)
    drawn = base.prompt_encoder().encode([parse(prompt).parts[0].schedule(1)[0].text for prompt in PROMPTS])
    assert torch.allclose(torch.stack([one.hidden for one in drawn]), trained.embeds, atol=1e-5)
    if trained.pooled is not None:
        assert torch.allclose(torch.stack([one.pooled for one in drawn]), trained.pooled, atol=1e-5)


def test_emphasis_is_for_clip_alone(base: BaseModel) -> None:
    assert base.prompt_encoder().weighs == ("unet" in base.parts)


def test_latents_come_back_as_the_pipe_decodes(base: BaseModel) -> None:
    latents = base.encode_images(images(), seeded())
    config = base.vae.config
    raw = latents / config.scaling_factor + (config.shift_factor or 0)
    expected = base.vae.encode(images()).latent_dist.sample(seeded())
    assert torch.allclose(raw, expected, atol=1e-6)
    assert not latents.requires_grad


def test_what_the_pipe_draws_is_latents_too(base: BaseModel) -> None:
    told = {"num_inference_steps": 1, "height": SIDE, "width": SIDE, "generator": [seeded(), seeded(1)]}
    drawn = base.pipe()(prompt=PROMPTS, guidance_scale=1.0, output_type="latent", **told).images
    assert base.drawn_latents(drawn, SIDE, SIDE).shape == base.encode_images(images()).shape


def test_a_loss_each_by_the_seed(base: BaseModel) -> None:
    first, again, other = (losses(base, seed).detach() for seed in (1, 1, 2))
    assert first.shape == (2,)
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_it_learns_in_half_precision_too(family: Path, base: BaseModel) -> None:
    half = load_base_model(family, dtype=torch.bfloat16)
    told = losses(half)
    assert told.dtype == torch.float32
    assert torch.allclose(told, losses(base), rtol=0.1)


HALF = TrainConfig(mixed_precision="bf16")


def test_a_training_in_half_precision_never_holds_more(family: Path) -> None:
    half = open_base_model(str(family), None, torch.device("cpu"), opened_in(HALF))
    held = {name: {parameter.dtype for parameter in part.parameters()} for name, part in half.parts.items()}
    assert held == {name: {torch.float32 if name == "vae" else torch.bfloat16} for name in half.parts}
    told = {"num_inference_steps": 1, "height": SIDE, "width": SIDE, "guidance_scale": 1.0}
    drawn = half.pipe()(prompt=PROMPTS, output_type="latent", **told).images  # as class images are
    assert drawn.isfinite().all()
    assert half.encode_images(images()).dtype == torch.float32


@pytest.mark.parametrize("settings", [{"mixed_precision": "no"}, {"mixed_precision": "bf16", "method": "full"}])
def test_what_learns_as_it_is_is_opened_whole(settings: dict[str, Any]) -> None:
    assert opened_in(TrainConfig(**settings)) == torch.float32


def trained(base: BaseModel) -> list[float]:
    """LoRA over all that the family names, two steps of AdamW on the same noise; the losses before, between, after."""
    torch.manual_seed(0)
    for name, targets in base.lora_targets.items():
        getattr(base, name).add_adapter(LoraConfig(r=4, lora_alpha=8, init_lora_weights=True, target_modules=targets))
    learning = [p for name in base.lora_targets for p in getattr(base, name).parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-3)
    told = []
    for _ in range(2):
        loss = losses(base).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        told.append(loss.item())
    return [*told, losses(base).mean().item()]


def saved(base: BaseModel, folder: Path, diffusers_names: bool) -> None:
    layers, metadata = {}, {}
    for name in base.lora_targets:
        part = getattr(base, name)
        layers[name] = get_peft_model_state_dict(part)
        if diffusers_names:
            layers[name] = convert_state_dict_to_diffusers(layers[name])
        metadata[f"{name}_lora_adapter_metadata"] = part.peft_config["default"].to_dict()
    base.save_lora(layers, folder, **metadata)


def test_lora_learns_and_its_file_is_the_pipes(family: Path, tmp_path: Path) -> None:
    learner = load_base_model(family)
    before, between, after = trained(learner)
    assert after < between < before
    for name in learner.lora_targets:
        ups = [p for key, p in getattr(learner, name).named_parameters() if "lora_B" in key]
        assert any(up.abs().sum() > 0 for up in ups), f"no gradient reached {name}"
    wearer = load_base_model(family)
    for names in ("peft", "diffusers"):
        saved(learner, tmp_path / names, names == "diffusers")
        pipe = wearer.pipe()
        pipe.load_lora_weights(tmp_path / names, weight_name="pytorch_lora_weights.safetensors")
        assert losses(wearer).mean().item() == pytest.approx(after, rel=1e-5)
        pipe.unload_lora_weights()
    assert losses(wearer).mean().item() == pytest.approx(before, rel=1e-5)


@pytest.mark.slow
def test_the_trainer_takes_it_and_its_weights_are_the_pipes(family: Path, tmp_path: Path) -> None:
    learner = load_base_model(family)
    latents, first = learner.encode_images(images(), seeded()), torch.zeros(1, dtype=torch.int64)
    lesson = Lesson(PROMPTS, latents[:1], first, latents[1:], first + 1)
    config = TrainConfig(rank=4, train_text_encoder=True, num_class_images=1, resolution=SIDE, learning_rate=1e-3)
    trainer = Trainer(learner, lesson, config, 2)
    assert all(math.isfinite(trainer.step()) for _ in range(2))
    for part in learner.parts.values():
        part.to("cpu")
    save_lora(learner, trained_parts(learner, config), tmp_path)
    wearer = load_base_model(family)
    before = losses(wearer).mean().item()
    wearer.pipe().load_lora_weights(tmp_path, weight_name="pytorch_lora_weights.safetensors")
    worn = losses(wearer).mean().item()
    assert worn == pytest.approx(losses(learner).mean().item(), rel=1e-3)  # the file is float16
    assert worn != pytest.approx(before, rel=1e-4)


def test_every_lora_target_is_there(base: BaseModel) -> None:
    for name, targets in base.lora_targets.items():
        modules = [module for module, _ in getattr(base, name).named_modules()]
        assert all(any(module.endswith(f".{target}") for module in modules) for target in targets)


def test_images_come_in_steps_of_what_the_denoiser_reads(base: BaseModel) -> None:
    latent = SIDE // base.encode_images(images()).shape[-1]
    assert base.side_step == latent * (1 if "unet" in base.parts else 2)
    assert base.resolution % base.side_step == 0


def test_its_parts_are_frozen_and_named(base: BaseModel) -> None:
    assert base.denoiser is base.parts[next(iter(base.lora_targets))]
    assert set(base.lora_targets) <= set(base.parts)
    assert set(base.tokenizers) <= set(base.parts)
    for name, part in base.parts.items():
        assert part is getattr(base, name)
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())
        assert getattr(base.pipe(), name) is part


def weights_of(folder: Path, part: str) -> Path:
    return next((folder / part).glob("*.safetensors"))


def spoiled(family: Path, folder: Path, part: str, change: Callable[[dict[str, torch.Tensor]], object]) -> str:
    """A copy in which one part's weights are changed."""
    shutil.copytree(family, folder)
    tensors = load_file(weights_of(folder, part))
    change(tensors)
    save_file(tensors, weights_of(folder, part), metadata={"format": "pt"})
    return str(folder)


def test_a_weight_that_is_no_number_is_found_in_the_last_text_encoder(
    family: Path, base: BaseModel, tmp_path: Path
) -> None:
    part = [*base.tokenizers][-1]
    folder = spoiled(family, tmp_path / "base", part, lambda held: held[max(held)].view(-1)[:1].fill_(math.nan))
    with pytest.raises(BadWeights, match=rf"in the {part} .* is not finite"):
        open_base_model(folder, None, torch.device("cpu"))


def test_the_last_text_encoder_with_a_hole_is_refused(family: Path, base: BaseModel, tmp_path: Path) -> None:
    part = [*base.tokenizers][-1]
    folder = spoiled(family, tmp_path / "base", part, lambda held: held.pop(max(held)))
    with pytest.raises(BadWeights, match=rf"{part} lacks"):
        open_base_model(folder, None, torch.device("cpu"))
