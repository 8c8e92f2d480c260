"""What images are worth: likeness, adherence, diversity, drift, leakage of the room, distance to the photos.

Nothing is drawn or chosen here. All lie in 0..1, drift by chance a little below; of drift and leakage less is better,
of all others more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from imagehash import ImageHash, phash
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.score import AttributeScorer
from tests.benchmarks.quality_customers import Customer
from tests.benchmarks.quality_images import Images
from tests.benchmarks.quality_likeness import SecondLikeness
from tests.benchmarks.quality_prompts import Prompt

JUDGED = ("garment", "garment_colour", "scene", "glasses")  # moods are left out: the scorer tells 63 % of them
DRIFTS = ("hair_colour", "hair_style", "skin", "beard", "glasses", "garment", "garment_colour", "scene")
BITS = 64  # of a perceptual hash
BOX = Image.Resampling.BOX

# What no images score.
NOTHING: dict[str, float | None] = {
    **dict.fromkeys(("likeness", "likeness_2", "adherence", "diversity", "copy_distance"), 0.0),
    **dict.fromkeys(("leakage", "drift")),
}

Seen = Sequence[dict[str, str]]  # what the scorer sees, by image


def adherence(seen: Seen, prompts: Sequence[Prompt]) -> float:
    """Share of (image, attribute that its prompt asks for) that are seen; `prompts` has one for each image."""
    pairs = zip(seen, prompts, strict=True)
    return _mean([one[name] == prompt.asked[name] for one, prompt in pairs for name in JUDGED])


def leakage(seen: Seen, prompts: Sequence[Prompt], room: str) -> float | None:
    """Share of images that show the customer's room where their prompt asks for another scene; None without such."""
    pairs = zip(seen, prompts, strict=True)
    shown = [one["scene"] == room for one, prompt in pairs if prompt.asked["scene"] != room]
    return _mean(shown) if shown else None


def diversity(images: Images, prompts: Sequence[Prompt]) -> float:
    """Share of the bits in which the perceptual hashes of two images of one prompt differ, mean over pairs.

    It stands in for DIV of Ruiz et al. (arXiv 2208.12242, section 4.3), which takes LPIPS. Raises ValueError where no
    prompt has two images.
    """
    hashed = list(zip(_hashes(images), prompts, strict=True))
    return _mean([(a - b) / BITS for (a, one), (b, other) in combinations(hashed, 2) if one == other])


def copy_distance(images: Images, photos: Sequence[np.ndarray]) -> float:
    """Share of bits by which an image differs from the nearest photo or its mirror image, mean: 0 is a copy."""
    taught = _hashes([each for photo in photos for each in (photo, np.fliplr(photo))])
    return _mean([min(own - photo for photo in taught) / BITS for own in _hashes(images)])


def drift(scorer: AttributeScorer, before: Images, after: Images) -> float:
    """How far images of the class noun moved: the same seeds before and after a training.

    Of each attribute, how the scorer's belief of an image changed is a vector; the mean product of two images' vectors
    estimates half of the squared length of their mean change without bias, mean over DRIFTS. 1: all showed one value
    and all show another; about 0, perhaps below, where images change and what they show as a whole does not. The plain
    distance between two averages of 24 images would be 0.17 there. It stands in for PRES of Ruiz et al. (arXiv
    2208.12242, section 4.3). Raises ValueError for less than two images.
    """
    old, new = scorer.probabilities(before), scorer.probabilities(after)
    return _mean([_mean_change(new[name] - old[name]) for name in DRIFTS])


def of_photos(customer: Customer, scorer: AttributeScorer, second: SecondLikeness) -> dict[str, float | None]:
    """What a customer's own photos score, in the size of the scorer: the most that images can be expected to.

    By the second encoder each half of the photos is compared with the other one, which shows the same room.
    """
    photos = customer.photos()
    small = np.stack([np.asarray(Image.fromarray(each).resize((scorer.side,) * 2, BOX)) for each in photos])
    half = len(photos) // 2
    pairs = ((small[:half], photos[half:]), (small[half:], photos[:half]))
    told = {"likeness": scorer.subject_match(small, customer.identity)}
    told["likeness_2"] = _mean([second.of(images, others) for images, others in pairs])
    return dict.fromkeys(("adherence", "diversity", "leakage", "copy_distance", "drift")) | told


def _mean_change(changes: NDArray[np.float32]) -> float:
    """Half of the squared length of the mean row, from products of different rows (a U-statistic); (N, values)."""
    count = len(changes)
    if count < 2:
        raise ValueError("nothing to compare a change with")
    products = np.square(changes.sum(axis=0)).sum() - np.square(changes).sum()
    return float(products / (count * (count - 1)) / 2)


def _hashes(images: Sequence[np.ndarray] | Images) -> list[ImageHash]:
    """pHash: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2."""
    return [phash(Image.fromarray(np.ascontiguousarray(image))) for image in images]


def _mean(values: Sequence[float]) -> float:
    if not values:
        raise ValueError("nothing to take the mean of")
    return float(np.mean(values))
