"""Every family in miniature: diffusers' and transformers' real classes, 64 px, random weights, as diffusers folders.

No claim is made here; the tests beside it make them.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

from gpu_worker.base_models.pocket.tokenizer import build_tokenizer

SIDE = 64  # px
WORDS = ["a", "photo", "of", "person", "hat", "red"]
WIDTH = 32  # of CLIP-L; bigG's is 16 more


def stable_diffusion(folder: Path) -> Path:
    """One CLIP, epsilon."""
    tokenizer, text_encoder = _clip(folder / "words", WIDTH, CLIPTextModel)
    pipe = StableDiffusionPipeline(
        vae=_vae(scaling_factor=0.18),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=_unet(cross_attention_dim=WIDTH),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return _saved(pipe, folder)


def stable_diffusion_xl(folder: Path) -> Path:
    """CLIP-L and a wider CLIP that projects; the unet reads 6 sizes of 8 numbers each, and the pooled embedding."""
    tokenizer, text_encoder = _clip(folder / "words", WIDTH, CLIPTextModel)
    tokenizer_2, text_encoder_2 = _clip(folder / "words_2", WIDTH + 16, CLIPTextModelWithProjection, pad="!")
    pipe = StableDiffusionXLPipeline(
        vae=_vae(scaling_factor=0.13025),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        unet=_unet(
            cross_attention_dim=2 * WIDTH + 16,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + WIDTH + 16,
        ),
        scheduler=EulerDiscreteScheduler(),
        add_watermarker=False,
    )
    return _saved(pipe, folder)


def stable_diffusion_3(folder: Path, t5: bool = True) -> Path:
    """Two CLIPs that project, and T5 or none."""
    tokenizer, text_encoder = _clip(folder / "words", WIDTH, CLIPTextModelWithProjection)
    tokenizer_2, text_encoder_2 = _clip(folder / "words_2", WIDTH + 16, CLIPTextModelWithProjection, pad="!")
    tokenizer_3, text_encoder_3 = _t5(width=96) if t5 else (None, None)
    transformer = SD3Transformer2DModel(
        sample_size=SIDE // 4,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=96,
        caption_projection_dim=32,
        pooled_projection_dim=2 * WIDTH + 16,
        pos_embed_max_size=SIDE // 4,
    )
    pipe = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(scaling_factor=1.5305, shift_factor=0.0609),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        text_encoder_3=text_encoder_3,
        tokenizer_3=tokenizer_3,
    )
    return _saved(pipe, folder)


def flux(folder: Path, guided: bool = True) -> Path:
    """CLIP-L and T5; `guided` as `dev`, else as `schnell`."""
    tokenizer, text_encoder = _clip(folder / "words", WIDTH, CLIPTextModel)
    tokenizer_2, text_encoder_2 = _t5(width=48)
    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        pooled_projection_dim=WIDTH,
        guidance_embeds=guided,
        axes_dims_rope=(4, 6, 6),
    )
    pipe = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0 if guided else 1.0, use_dynamic_shifting=guided),
        vae=_vae(scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        transformer=transformer,
    )
    return _saved(pipe, folder)


def _saved(pipe: Any, folder: Path) -> Path:
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def _clip(folder: Path, width: int, network: Any, pad: str | None = None) -> tuple[Any, Any]:
    """CLIP's own length of 77; `pad` is another padding than the end, as bigG has."""
    build_tokenizer(WORDS, folder)
    told: dict[str, Any] = {"model_max_length": 77} | ({"pad_token": pad} if pad else {})
    tokenizer = CLIPTokenizer.from_pretrained(folder, **told)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return tokenizer, network(config)


def _t5(width: int) -> tuple[Any, Any]:
    """Letters, and each word with the sign that begins it, all equally likely: T5's kind of vocabulary."""
    pieces = ["<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz", *(f"▁{word}" for word in WORDS)]
    scores = [(piece, -float(number > 2)) for number, piece in enumerate(dict.fromkeys(pieces))]
    tokenizer = T5TokenizerFast(vocab=scores, extra_ids=0, model_max_length=512)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=8,
        d_ff=64,
        num_layers=1,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return tokenizer, T5EncoderModel(config)


def _vae(**told: Any) -> Any:
    return AutoencoderKL(
        sample_size=SIDE,
        block_out_channels=(8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        **told,
    )


def _unet(**told: Any) -> Any:
    return UNet2DConditionModel(
        sample_size=SIDE // 4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        attention_head_dim=8,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **told,
    )


def seeded(build: Any, folder: Path) -> Path:
    """The same weights every time."""
    torch.manual_seed(0)
    return Path(build(folder))
