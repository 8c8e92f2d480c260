"""How each kind of base model is usually trained; a job's own settings go over these.

Values only, each with where it comes from; what is not here is the default of its setting. DB: Ruiz et al., arXiv
2208.12242; study: "Training Stable Diffusion with DreamBooth using Diffusers", huggingface.co/blog/dreambooth; README:
diffusers, examples/dreambooth; unite: "LoRA training scripts of the world, unite!", huggingface.co/blog/
sdxl_lora_advanced_script; SNR: Hang et al., arXiv 2303.09556, section 4.1; OneTrainer, cog-sdxl, fast-stable-diffusion
and ai-toolkit: those projects' own defaults.
"""

from typing import Any

from gpu_worker.base_models.folders import is_pocket, pipe_of
from gpu_worker.base_models.pocket.people.vocabulary import GARMENT_COLOURS, SCENES

GARMENTS = ("t-shirt", "shirt", "suit", "hoodie", "turtleneck")  # of the vocabulary: what any class noun wears
OWN = "lora"  # every base model's own method
UNOPENED = "StableDiffusionPipeline"  # what a repository of the hub is taken for until it is opened

# Stable Diffusion 1.x and 2.x, whatever the method.
SD: dict[str, Any] = {
    "snr_gamma": 5.0,  # SNR, unite
    "background_loss_weight": 0.1,  # OneTrainer: unmasked_weight
    "num_class_images": 200,  # README: 200 to 300 do well for most cases
    "prior_loss_weight": 1.0,  # DB, section 3.3
    # Study: faces take 800 to 1200 train steps; DB: about 1000.
    "steps_per_photo": 100,
    "fewest_train_steps": 800,
    "most_train_steps": 1600,
}
SDXL = SD | {
    "gradient_checkpointing": True,  # README_sdxl: one 16 GB gpu
    "fewest_train_steps": 1000,  # unite: 1000 to 1500
    "most_train_steps": 1500,
}
LORA: dict[str, Any] = {
    "rank": 16,  # unite: 4 to 32
    "lora_alpha": 16,  # README: alpha is the rank
    "learning_rate": 1e-4,  # README, unite
}
SD_LORA = (
    SD
    | LORA
    | {
        "train_text_encoder": True,  # study: the largest gain of all
        "text_encoder_lr": 5e-5,  # unite: half of the unet's, since it over-fits first
        "train_text_encoder_frac": 0.5,  # fast-stable-diffusion: 30 to 50 % of the train steps
    }
)
FULL: dict[str, Any] = {
    "learning_rate": 2e-6,  # README and study, with the text encoder; cog-sdxl: 1e-6 to 1e-5
    "gradient_checkpointing": True,  # README: 24 GB with the text encoder, and ours are fp32 master weights
    "save_full_as": "difference",  # gigabytes otherwise, of which a customer's part is small
}
PIVOTAL: dict[str, Any] = {
    "num_new_tokens": 2,  # unite
    "token_lr": 3e-4,  # unite
    "train_text_encoder_ti_frac": 0.5,  # unite
}
SD3_LORA = LORA | {
    "learning_rate": 4e-4,  # README_sd3
    "train_batch_size": 1,  # README_sd3, as all up to the train steps
    "gradient_accumulation_steps": 4,
    "gradient_checkpointing": True,
    "steps_per_photo": 62,  # README_sd3: 500 train steps, which is 0.6 of what Stable Diffusion 1.x takes
    "fewest_train_steps": 500,
    "most_train_steps": 1000,
    "class_inference_steps": 28,  # the model card
    "class_guidance_scale": 7.0,
    "validation_inference_steps": 28,
    "validation_guidance_scale": 7.0,
}
FLUX_LORA = LORA | {
    "learning_rate": 1e-4,  # ai-toolkit, as all up to use_ema
    "rank": 16,
    "lora_alpha": 16,
    "caption_dropout": 0.05,
    "use_ema": True,
    "ema_decay": 0.99,
    "gradient_checkpointing": True,
    "steps_per_photo": 125,  # ai-toolkit: 2000 of 500 to 4000 train steps
    "fewest_train_steps": 1000,
    "most_train_steps": 2000,
    "class_inference_steps": 28,
    "class_guidance_scale": 3.5,  # the model card
    "validation_inference_steps": 28,
    "validation_guidance_scale": 3.5,
}
# (what model_index.json says, method) → settings
USUAL: dict[tuple[str, str], dict[str, Any]] = {
    ("StableDiffusionPipeline", "lora"): SD_LORA,
    ("StableDiffusionPipeline", "full"): SD
    | FULL
    | {
        "train_text_encoder": True,
        "text_encoder_lr": 1e-6,  # fast-stable-diffusion
        "train_text_encoder_frac": 0.5,
    },
    ("StableDiffusionPipeline", "pivotal"): SD | LORA | PIVOTAL,
    ("StableDiffusionXLPipeline", "lora"): SDXL | LORA,  # README_sdxl: good without the text encoders
    ("StableDiffusionXLPipeline", "full"): SDXL | FULL,
    ("StableDiffusionXLPipeline", "pivotal"): SDXL | LORA | PIVOTAL,
    ("StableDiffusion3Pipeline", "lora"): SD3_LORA,
    ("FluxPipeline", "lora"): FLUX_LORA,
}


def training_defaults(base_model: str, method: str | None) -> dict[str, Any]:
    """Settings of TrainConfig for this base model; `method` None takes the base model's own.

    A repository of the hub is taken for Stable Diffusion 1.x or 2.x: who has opened it asks usual_of().
    """
    if is_pocket(base_model):
        return {"method": method or OWN} | _pocket(method or OWN)
    pipe = pipe_of(base_model)
    return usual_of(UNOPENED if pipe is None else pipe, method)


def usual_of(pipe: str, method: str | None) -> dict[str, Any]:
    """The same for base models of which diffusers makes a pipe of this class."""
    return {"method": method or OWN} | USUAL.get((pipe, method or OWN), {})


def _pocket(method: str) -> dict[str, Any]:
    """Found on customers that no benchmark uses, and taken apart in docs/ablation.md. Pocket is 70 times smaller than
    Stable Diffusion, and a small network wants larger steps; tricks that brought nothing there are off.
    """
    rates = (5e-4, 5e-4) if method == "full" else (2e-3, 1e-3)
    return {
        "learning_rate": rates[0],
        "text_encoder_lr": rates[1],
        "token_lr": 1e-2,
        "train_text_encoder": method != "pivotal",
        "rank": 32,
        "lora_alpha": 32,
        "train_batch_size": 6,
        "max_train_steps": 300,
        "background_loss_weight": 0.1,  # the best row of docs/ablation.md, and what Stable Diffusion has
        # A small model hears the garment and the scene of a prompt louder than a new word beside them.
        "caption_photos": True,
        "class_prompts": _class_prompts(),
        "num_class_images": 44,
        "class_inference_steps": 16,
        "class_guidance_scale": 2.0,
        "validation_guidance_scale": 4.0,  # as its styles are drawn
        # Three times eight images: about a twentieth of the training's time.
        "validation_steps": 100,
        "validation_inference_steps": 10,
        "validation_prompts": (
            "a photo of a {identifier} {class_noun}, wearing a red shirt, in the snow",
            "a photo of a {identifier} {class_noun}, wearing a blue hoodie, at the beach",
            "a photo of a {identifier} {class_noun}, wearing a black suit, in an office",
            "a photo of a {identifier} {class_noun}, wearing a green t-shirt, on a grey background",
        ),
    }


def _class_prompts() -> tuple[str, ...]:
    """The class noun alone, and in each scene in some garment: what the subject must not take over."""
    colours = list(GARMENT_COLOURS)
    dressed = [
        f"a photo of a {{class_noun}}, wearing a {colours[n % len(colours)]} {GARMENTS[n % len(GARMENTS)]}, {scene}"
        for n, scene in enumerate(SCENES.values())
    ]
    return ("a photo of a {class_noun}", *(text.replace("a orange", "an orange") for text in dressed))
