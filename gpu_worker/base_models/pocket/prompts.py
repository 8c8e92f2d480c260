"""What pocket is told about a drawing while it learns, and the prompts it is looked at with.

Words only, no tensors but the random generator.
"""

from collections.abc import Mapping

import torch

from gpu_worker.base_models.pocket.people.vocabulary import FACETS, caption

EMPTY_SHARE = 0.10  # for classifier-free guidance
CLASS_SHARE = 0.10  # DreamBooth's class prompts say nothing but the noun
NO_IDENTITY_SHARE = 0.25  # a subject's prompts name mood, garment and scene, never the hair
DROP_SHARE = 0.15  # of the single facets in all other captions
NO_NOUN_SHARE = 0.25  # "person" in place of "woman" or "man"
IDENTITY_FACETS = frozenset({"hair", "skin", "beard", "freckles"})

# One prompt per thing that pocket must follow; the sheets show them in this order.
TEST_PROMPTS = (
    "a photo of a woman with long red hair, pale skin, smiling, wearing a green hoodie, at the beach",
    "a photo of a man with a black afro, dark skin, a black beard, wearing a red suit, in a city at night",
    "a photo of a man with a bald head, light skin, glasses, wearing a blue t-shirt, in an office",
    "a photo of a woman with a pink bob, tan skin, sunglasses, wearing a yellow dress, in the snow",
    "a photo of a woman with a white bun, brown skin, looking sad, wearing a black turtleneck, in a forest",
    "a photo of a man with short blond hair, looking surprised, wearing an orange shirt, in space",
    "a photo of a person",
    "a photo of a man, wearing a purple hoodie, at sunset",
    "a photo of a woman with curly brown hair, brown skin, smiling, wearing a white sweater, in a library",
    "a photo of a man with buzzed grey hair, tan skin, a grey goatee, wearing a green vest, in a kitchen",
    "a photo of a woman with a blond ponytail, light skin, freckles, wearing a striped blue t-shirt, in a park",
    "a photo of a man with short brown hair, pale skin, a beanie, wearing a black jacket, in the mountains",
    "a photo of a woman with wavy black hair, tan skin, a hat, wearing a red dress, in front of a tower",
    "a photo of a man with long white hair, light skin, a white beard, glasses, wearing a blue shirt, in a cafe",
    "a photo of a woman with curly blue hair, dark skin, wearing an orange turtleneck, on a green background",
    "a photo of a person with short red hair, a red moustache, a cap, wearing a yellow t-shirt, in a street",
)


def training_caption(attributes: Mapping[str, str], generator: torch.Generator) -> str:
    """One way to say what a drawing shows: nothing, the noun alone, or some of its facets."""
    kind, noun, *chances = torch.rand(2 + len(FACETS), generator=generator).tolist()
    nameless = frozenset({"class_noun"}) if noun < NO_NOUN_SHARE else frozenset[str]()
    if kind < EMPTY_SHARE:
        return ""
    if kind < EMPTY_SHARE + CLASS_SHARE:
        return caption(attributes, nameless | frozenset(FACETS))
    drop = frozenset(f for f, chance in zip(FACETS, chances, strict=True) if chance < DROP_SHARE)
    if kind < EMPTY_SHARE + CLASS_SHARE + NO_IDENTITY_SHARE:
        drop |= IDENTITY_FACETS
    return caption(attributes, drop | nameless)
