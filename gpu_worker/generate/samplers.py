"""Samplers by the names people know, as diffusers' schedulers. No denoising here."""

from typing import Any

import diffusers

from gpu_worker.sampler_names import Sampler

# What AUTOMATIC1111 calls them, which is what readers of an image's parameters expect.
TITLES: dict[Sampler, str] = {
    "ddim": "DDIM",
    "dpm++": "DPM++ 2M",
    "dpm++ 2m": "DPM++ 2M",
    "dpm++ 2m karras": "DPM++ 2M Karras",
    "euler": "Euler",
    "euler a": "Euler a",
    "lcm": "LCM",
    "unipc": "UniPC",
}
PLAIN = {"use_karras_sigmas": False}  # whatever the base model's own sampler does
# diffusers' class, and what it is told beside the base model's own settings.
_SCHEDULERS: dict[Sampler, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", PLAIN),
    "dpm++ 2m": ("DPMSolverMultistepScheduler", PLAIN),
    "dpm++ 2m karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "euler": ("EulerDiscreteScheduler", PLAIN),
    "euler a": ("EulerAncestralDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", PLAIN),
}


def scheduler(sampler: Sampler | None, config: Any) -> Any:
    """A new scheduler of diffusers for one batch; `config` is the base model's own, None its own sampler.

    Methods: DDIM (Song et al., 2021), DPM-Solver++ (Lu et al., 2022), Karras et al., 2022 (section 3, equation 5: the
    spacing of noise levels; Euler), UniPC (Zhao et al., 2023), LCM (Luo et al., 2023: for base models and LoRAs that
    were distilled for it).
    """
    if sampler is None:
        return getattr(diffusers, config["_class_name"]).from_config(config)
    name, told = _SCHEDULERS[sampler]
    return getattr(diffusers, name).from_config(config, **told)


def title(sampler: Sampler | None, config: Any) -> str:
    """What AUTOMATIC1111 calls the sampler; for a base model's own, of which it has no name, diffusers' class."""
    if sampler is not None:
        return TITLES[sampler]
    own = str(config["_class_name"])
    known = {name: key for key, (name, told) in _SCHEDULERS.items() if not told.get("use_karras_sigmas")}
    return TITLES[known[own]] if own in known else own
