"""Encoded prompts kept between batches and customers: most negative prompts are the same. No network runs here."""

from collections.abc import Sequence

from gpu_worker.prompt_encoding import Encoded, PromptEncoder
from gpu_worker.prompt_language import Text

KEPT = 256  # texts; one of Stable Diffusion's takes 118 kB in half precision


class Remembered:
    """A PromptEncoder that asks its encoder once for each text; `worn` names what the text encoder wears now."""

    def __init__(self, encoder: PromptEncoder, kept: int = KEPT) -> None:
        self._encoder = encoder
        self._kept = kept
        self._encoded: dict[tuple[object, Text], Encoded] = {}
        self.worn: object = None

    @property
    def weighs(self) -> bool:
        """Whether emphasis means anything to the base model."""
        return self._encoder.weighs

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """One for each text, in order; those that are new go through the network together."""
        found = {text: known for text in texts if (known := self._encoded.pop((self.worn, text), None))}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        found |= dict(zip(new, self._encoder.encode(new), strict=True)) if new else {}
        self._encoded |= {(self.worn, text): encoded for text, encoded in found.items()}
        while len(self._encoded) > self._kept:
            del self._encoded[next(iter(self._encoded))]
        return [found[text] for text in texts]
