"""What a worker does before its first customer comes: the base model in memory, and one small batch drawn on it."""

from collections.abc import Mapping
from typing import Any

from gpu_worker.device import telling_out_of_memory
from gpu_worker.generate.batches import Painter
from gpu_worker.generate.config import GenerateConfig
from gpu_worker.generate.engine import loaded
from gpu_worker.generate.plans import chosen_style, plan_images


def warm_up(params: Mapping[str, Any]) -> None:
    """Load the base model of a stage's `params` and draw a full batch on it for one inference step.

    So kernels are chosen, or compiled, and memory is had. A stage that begins meanwhile waits for its end. Raises
    BadWeights, OutOfMemory.
    """
    config = GenerateConfig.from_params(params)
    one_step = {"prompts": ("{token}",), "num_images_per_prompt": config.batch_size, "num_inference_steps": 1}
    config = config.model_copy(update=one_step)
    style = chosen_style(config)
    plans = plan_images(style, config, "", config.class_noun)
    with telling_out_of_memory(), loaded(config) as resident:
        painter = Painter(resident, None, style, config)
        for batch in painter.batches(plans):
            painter.draw(batch, lambda step, steps: None)
