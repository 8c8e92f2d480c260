"""Under what terms base models may be used: what a folder says of itself, else what is known of a repository.

No lawyer: an operator who has other terms than the public ones writes them into the folder.
"""

import json
from pathlib import Path

from gpu_worker.base_models.family import Licence

# What we were not told, we may not sell.
UNKNOWN_LICENCE = Licence("unknown", commercial_use=False)
# Beside model_index.json a folder may state its licence: {"licence": ..., "commercial_use": ...}.
LICENCE_FILES = ("pocket.json", "base_model.json")

OPENRAIL_M = Licence("creativeml-openrail-m", commercial_use=True)  # use-restricted, as the next one
OPENRAIL_PP = Licence("openrail++", commercial_use=True)
# Free for sale only to those who earn less than a million dollars a year, which we cannot know.
STABILITY = Licence("stabilityai-ai-community", commercial_use=False)

# Of the weights on the hub.
KNOWN = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": OPENRAIL_M,
    "stabilityai/stable-diffusion-2-1": OPENRAIL_PP,
    "stabilityai/stable-diffusion-2-1-base": OPENRAIL_PP,
    "stabilityai/stable-diffusion-xl-base-1.0": OPENRAIL_PP,
    "stabilityai/stable-diffusion-3-medium-diffusers": STABILITY,
    "stabilityai/stable-diffusion-3.5-medium": STABILITY,
    "stabilityai/stable-diffusion-3.5-large": STABILITY,
    "black-forest-labs/FLUX.1-dev": Licence("flux-1-dev-non-commercial-license", commercial_use=False),
    "black-forest-labs/FLUX.1-schnell": Licence("apache-2.0", commercial_use=True),
}


def licence_of(source: str) -> Licence:
    """Of a folder or a repository of the hub. Raises ValueError, TypeError, LookupError for a folder's broken file."""
    for name in LICENCE_FILES:
        file = Path(source) / name
        if file.is_file():
            told = json.loads(file.read_text())
            return Licence(str(told["licence"]), bool(told["commercial_use"]))
    return KNOWN.get(source, UNKNOWN_LICENCE)
