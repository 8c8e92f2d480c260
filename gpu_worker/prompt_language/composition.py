"""`a :1.2 AND b :0.8`: prompts that are drawn together, each with its own weight (Liu et al., 2022).

How predictions are composed is not known here.
"""

from gpu_worker.prompt_language.limits import Limits, check_count, check_weight
from gpu_worker.prompt_language.scanner import read_number, split_at_word

AND = "AND"


def split_at_ands(text: str, limits: Limits) -> list[tuple[str, float]]:
    """Each part with its weight; a prompt without AND is one part of weight 1, whatever number ends it.

    AND parts as a word of its own, in capitals, inside brackets too. Raises BadPrompt with `too_many_parts` or
    `weight_out_of_range`.
    """
    parts = split_at_word(text, AND)
    if len(parts) == 1:
        return [(text, 1.0)]
    check_count(len(parts), limits.parts, "too_many_parts", "parts joined by AND")
    weighed = [_weighed(part) for part in parts]
    for _, weight in weighed:
        check_weight(weight, limits)
    return weighed


def _weighed(part: str) -> tuple[str, float]:
    words, colon, number = part.rpartition(":")
    weight = read_number(number) if colon else None
    return (part, 1.0) if weight is None else (words.rstrip(), weight)
