"""What will be drawn: one plan for each image wanted, from the style's prompts or the customer's. No drawing."""

from dataclasses import dataclass, replace

from gpu_worker.base_models.folders import is_pocket
from gpu_worker.errors import BadStyle
from gpu_worker.generate.config import GenerateConfig
from gpu_worker.prompt_language import naming, parse
from gpu_worker.prompts import TOKEN, Prompt, Style, fill, load_style


@dataclass(frozen=True)
class Plan:
    """One image to draw: the `number`-th wanted, from 1, tried for the `draw`-th time, from 1."""

    number: int
    prompt_index: int
    prompt: str
    negative_prompt: str
    seed: int
    draw: int = 1

    def again(self, wanted: int) -> "Plan":
        """The same with a new seed, which none of the `wanted` images has had at any draw."""
        return replace(self, seed=self.seed + wanted, draw=self.draw + 1)


def chosen_style(config: GenerateConfig) -> Style:
    """The style with the customer's own prompts, if there are any, all read. Raises BadStyle, BadPrompt."""
    style = load_style(config.style, "pocket" if is_pocket(config.base_model) else "stable-diffusion")
    if config.prompts:
        if any(TOKEN not in prompt for prompt in config.prompts):
            raise BadStyle("prompt_without_token", f"Every prompt must name the subject as {TOKEN}.")
        for number, text in enumerate(config.prompts):
            with naming(f"prompts.{number}"):
                parse(text)
        style = style.model_copy(update={"prompts": tuple(Prompt(prompt=text) for text in config.prompts)})
    with naming("negative_prompt"):
        for prompt in style.prompts:
            parse(_negative(prompt, style, config), negative=True)
    return style


def plan_images(style: Style, config: GenerateConfig, identifier: str, class_noun: str) -> list[Plan]:
    """`num_images_per_prompt` plans for each prompt, with the seeds that the style wants."""
    plans: list[Plan] = []
    for index, prompt in enumerate(style.prompts):
        text = fill(prompt.prompt, identifier, class_noun)
        negative = _negative(prompt, style, config)
        for _ in range(config.num_images_per_prompt):
            seed = config.seed + style.seed_offset(len(plans), config.num_images_per_prompt)
            plans.append(Plan(len(plans) + 1, index, text, negative, seed))
    return plans


def _negative(prompt: Prompt, style: Style, config: GenerateConfig) -> str:
    told = (config.negative_prompt, prompt.negative_prompt)
    return next((negative for negative in told if negative is not None), style.negative_prompt)
