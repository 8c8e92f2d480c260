"""How each kind of base model is usually trained; a job's own settings go over these.

Values only. Stable Diffusion's are the defaults of the settings' class; pocket's stand here.
"""

from typing import Any

from gpu_worker.base_models.pocket.people.vocabulary import GARMENT_COLOURS, SCENES
from gpu_worker.weights import is_pocket

GARMENTS = ("t-shirt", "shirt", "suit", "hoodie", "turtleneck")  # of the vocabulary: what any class noun wears


def training_defaults(base_model: str, method: str | None) -> dict[str, Any]:
    """Settings of TrainConfig for this base model; `method` None takes the base model's own."""
    if not is_pocket(base_model):
        return {}
    method = method or "lora"
    # Pocket is 70 times smaller than Stable Diffusion, and a small network wants larger steps.
    rates = (2e-3, 1e-3) if method == "lora" else (5e-4, 5e-4)
    return {
        "method": method,
        "learning_rate": rates[0],
        "text_encoder_lr": rates[1],
        "train_text_encoder": True,
        "rank": 32,
        "lora_alpha": 32,
        "train_batch_size": 6,
        "max_train_steps": 300,
        # A small model hears the garment and the scene of a prompt louder than a new word beside them.
        "caption_photos": True,
        "class_prompts": _class_prompts(),
        "num_class_images": 44,
        "class_inference_steps": 16,
        "class_guidance_scale": 2.0,
    }


def _class_prompts() -> tuple[str, ...]:
    """The class noun alone, and in each scene in some garment: what the subject must not take over."""
    colours = list(GARMENT_COLOURS)
    dressed = [
        f"a photo of a {{class_noun}}, wearing a {colours[n % len(colours)]} {GARMENTS[n % len(GARMENTS)]}, {scene}"
        for n, scene in enumerate(SCENES.values())
    ]
    return ("a photo of a {class_noun}", *(text.replace("a orange", "an orange") for text in dressed))
