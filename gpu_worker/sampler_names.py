"""Names of samplers, as people know them. What each stands for in diffusers is the business of generate.samplers."""

from typing import Literal, get_args

Sampler = Literal["ddim", "dpm++", "dpm++ 2m", "dpm++ 2m karras", "euler", "euler a", "lcm", "unipc"]
NAMES: tuple[Sampler, ...] = get_args(Sampler)
LCM_STEPS = 50  # inference steps that the sampler `lcm` was distilled from; it has no others
