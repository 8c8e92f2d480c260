"""Encoded prompts kept between batches and customers: most negative prompts are the same. No network runs here."""

from collections.abc import Sequence

from gpu_worker.prompt_encoding import Encoded, PromptEncoder
from gpu_worker.prompt_language import Text

KEPT = 64 * 2**20  # bytes; a short text of Stable Diffusion's takes 118 kB in half precision


class Remembered:
    """A PromptEncoder that asks its encoder once for each text; `worn` names what the text encoder wears now."""

    def __init__(self, encoder: PromptEncoder, kept: int = KEPT) -> None:
        self._encoder = encoder
        self._kept = kept
        self._encoded: dict[tuple[object, Text], Encoded] = {}
        self.worn: object = None

    @property
    def bytes(self) -> int:
        """Memory of all that is kept."""
        return sum(int(encoded.hidden.nbytes) for encoded in self._encoded.values())

    @property
    def weighs(self) -> bool:
        """Whether emphasis means anything to the base model."""
        return self._encoder.weighs

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        """One for each text, in order.

        Each new text goes through the network by itself: beside others its last bits would differ, and an image must
        not depend on what was drawn before.
        """
        found: dict[Text, Encoded] = {}
        for text in dict.fromkeys(texts):
            known = self._encoded.pop((self.worn, text), None)
            found[text] = known or self._encoder.encode([text])[0]
            self._encoded[self.worn, text] = found[text]
        while len(self._encoded) > 1 and self.bytes > self._kept:
            del self._encoded[next(iter(self._encoded))]
        return [found[text] for text in texts]
