"""What guides each image of a batch at each inference step: prompts that are edited, alternate or stand together.

No denoising here, and no parsing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gpu_worker.errors import BadPrompt
from gpu_worker.prompt_encoding import Encoded, PromptEncoder
from gpu_worker.prompt_language import Prompt, Stretch, Text

KEPT = 8  # encoded sets of texts: enough for most alternations, and a bound on memory

Schedule = tuple[Stretch, ...]


@dataclass(frozen=True)
class Guides:
    """One image's: what it should show, each with a weight, and what it should not."""

    parts: tuple[tuple[Encoded, float], ...]
    negative: Encoded


class Conditioning:
    """A batch's texts by inference step, encoded when a step first needs them."""

    def __init__(
        self, encoder: PromptEncoder, prompts: Sequence[Prompt], negatives: Sequence[Prompt], steps: int
    ) -> None:
        """Raises BadPrompt with `weights_unsupported` when the base model knows no emphasis and a prompt has some."""
        self._encoder = encoder
        self._weights = [[part.weight for part in prompt.parts] for prompt in prompts]
        self._parts = [part.schedule(steps) for prompt in prompts for part in prompt.parts]
        self._negatives = [negative.parts[0].schedule(steps) for negative in negatives]
        self._encoded: dict[tuple[Text, ...], list[Encoded]] = {}
        if not encoder.weighs and any(map(_has_weights, [*self._parts, *self._negatives])):
            raise BadPrompt("weights_unsupported", "This base model knows no emphasis: leave weights and brackets out.")

    def at(self, step: int) -> list[Guides]:
        """Each image's guides at inference step `step`, counted from 1."""
        parts = iter(self._encode(self._parts, step))
        negatives = self._encode(self._negatives, step)
        return [
            Guides(tuple((next(parts), weight) for weight in weights), negative)
            for weights, negative in zip(self._weights, negatives, strict=True)
        ]

    def _encode(self, schedules: list[Schedule], step: int) -> list[Encoded]:
        texts = tuple(next(stretch.text for stretch in schedule if step <= stretch.until) for schedule in schedules)
        found = self._encoded.pop(texts, None) or self._encoder.encode(texts)
        self._encoded[texts] = found  # the last that was used stands last
        if len(self._encoded) > KEPT:
            del self._encoded[next(iter(self._encoded))]
        return found


def _has_weights(schedule: Schedule) -> bool:
    return any(span.weight != 1 for stretch in schedule for section in stretch.text for span in section)
