"""What differs within a family: SD3 without T5, FLUX without guidance, SDXL in float16; and FLUX's packets."""

from pathlib import Path

import pytest
import torch
from diffusers import FluxPipeline

from gpu_worker.base_models import flux as flux_family
from gpu_worker.base_models import stable_diffusion_3, stable_diffusion_xl
from gpu_worker.base_models.family import Conditioning, load_base_model
from gpu_worker.errors import BadWeights
from gpu_worker.generate.engine import Resident
from tests.gpu_worker.base_models import tiny

CPU = torch.device("cpu")
LATENTS = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))


def test_sd3_without_t5_reads_zeros_in_its_place(tmp_path: Path) -> None:
    base = load_base_model(tiny.stable_diffusion_3(tmp_path, t5=False))
    assert isinstance(base, stable_diffusion_3.StableDiffusion3)
    embeds = base.encode_prompts(["a red hat"]).embeds
    assert embeds.shape == (1, 77 + 256, 96)
    assert embeds[:, 77:].abs().sum() == 0
    assert set(base.tokenizers) == {"text_encoder", "text_encoder_2"}
    assert "text_encoder_3" not in base.parts
    assert base.loss_per_image(LATENTS[:1], base.encode_prompts(["a"])).isfinite().all()
    assert base.pipe().text_encoder_3 is None


def test_flux_without_guidance_is_told_none(tmp_path: Path) -> None:
    base = load_base_model(tiny.flux(tmp_path, guided=False))
    assert isinstance(base, flux_family.Flux)
    conditioning = base.encode_prompts(["a", "red"])
    assert base._told(conditioning, 8, 8)["guidance"] is None
    assert base.loss_per_image(LATENTS, conditioning).isfinite().all()


def test_sdxl_in_float16_encodes_in_float32(tmp_path: Path) -> None:
    folder = tiny.seeded(tiny.stable_diffusion_xl, tmp_path)
    half = load_base_model(folder, dtype=torch.float16)
    assert isinstance(half, stable_diffusion_xl.StableDiffusionXL)
    half.vae.encoder.conv_in.weight.data.mul_(3e4)  # activations beyond what float16 holds
    latents = half.encode_images(torch.ones(1, 3, 64, 64))
    assert latents.isfinite().all()
    assert half.vae.dtype == torch.float16


def test_sdxl_is_told_sizes_in_pixels(tmp_path: Path) -> None:
    base = load_base_model(tiny.stable_diffusion_xl(tmp_path))
    seen: list[torch.Tensor] = []
    assert isinstance(base, stable_diffusion_xl.StableDiffusionXL)
    base.unet.register_forward_pre_hook(
        lambda _, args, told: seen.append(told["added_cond_kwargs"]["time_ids"]), with_kwargs=True
    )
    base.loss_per_image(LATENTS[:, :, :8], base.encode_prompts(["a", "red"]))
    assert seen[0].tolist() == [[32, 64, 0, 0, 32, 64]] * 2


@pytest.mark.parametrize("build", [tiny.stable_diffusion_xl, tiny.stable_diffusion_3, tiny.flux])
def test_embeddings_without_the_pooled_one_are_refused(build: object, tmp_path: Path) -> None:
    assert callable(build)
    base = load_base_model(build(tmp_path))
    with pytest.raises(ValueError, match="pooled"):
        base.loss_per_image(LATENTS, Conditioning(base.encode_prompts(["a", "b"]).embeds))


def test_packets_are_those_of_the_pipe() -> None:
    latents = torch.randn(2, 4, 6, 10)
    packed = flux_family._packed(latents)
    assert torch.equal(packed, FluxPipeline._pack_latents(latents, 2, 4, 6, 10))
    assert torch.equal(flux_family._unpacked(packed, 3, 5), latents)


def test_places_are_those_of_the_pipe(tmp_path: Path) -> None:
    base = load_base_model(tiny.flux(tmp_path))
    assert isinstance(base, flux_family.Flux)
    told = base._told(base.encode_prompts(["a"]), 3, 5)
    assert torch.equal(told["img_ids"], FluxPipeline._prepare_latent_image_ids(1, 3, 5, CPU, torch.float32))
    assert told["txt_ids"].shape == (512, 3)
    assert told["guidance"].tolist() == [1.0]


def test_an_odd_side_cannot_be_packed(tmp_path: Path) -> None:
    base = load_base_model(tiny.flux(tmp_path))
    with pytest.raises(RuntimeError, match="divisible"):
        base.loss_per_image(LATENTS[:, :, :15], base.encode_prompts(["a", "b"]))


def test_what_can_only_be_trained_is_told_before_an_image_is_drawn(tmp_path: Path) -> None:
    folder = str(tiny.flux(tmp_path))
    with pytest.raises(BadWeights, match="can only be trained"):
        Resident(folder, None, CPU, torch.float32)
