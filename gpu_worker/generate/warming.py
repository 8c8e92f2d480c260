"""What a worker does before its first customer comes: the base model in memory, and one small batch drawn on it."""

from collections.abc import Mapping
from typing import Any

from gpu_worker.device import telling_out_of_memory
from gpu_worker.errors import OutOfMemory
from gpu_worker.evidence.judge import Judge
from gpu_worker.generate.batches import Painter
from gpu_worker.generate.config import GenerateConfig
from gpu_worker.generate.engine import loaded
from gpu_worker.generate.plans import chosen_style, plan_images


def warm_up(params: Mapping[str, Any]) -> None:
    """Load the base model of a stage's `params`, draw a batch on it for one inference step, and judge an image.

    So kernels are chosen, or compiled for a full batch, memory is had, and the judge's networks are loaded. A stage
    that begins meanwhile waits for its end. Raises BadWeights, OutOfMemory.
    """
    config = GenerateConfig.from_params(params)
    try:
        _draw(config, config.batch_size)
    except OutOfMemory:  # jobs draw smaller batches then, see delivery
        _draw(config, 1)


def _draw(config: GenerateConfig, count: int) -> None:
    one_step = {"prompts": ("{token}",), "num_images_per_prompt": count, "num_inference_steps": 1}
    config = config.model_copy(update=one_step)
    style = chosen_style(config)
    plans = plan_images(style, config, "", config.class_noun)
    judge = Judge.of(config.base_model, None, config.limits, config.clip_weights)
    with telling_out_of_memory(), loaded(config) as resident:
        drawn = Painter(resident, None, style, config).draw(plans, lambda step, steps: None)
        judge.judge(drawn[0].pixels, drawn[0].plan.prompt)
