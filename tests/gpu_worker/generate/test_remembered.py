"""Texts are encoded once, alone, and for the right wearer."""

from collections.abc import Sequence

import torch
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.generate.remembered import Remembered
from gpu_worker.prompt_encoding import Encoded
from gpu_worker.prompt_language import Text, parse


class Counting:
    """Counts what goes through the network; `state` is what a subject changes."""

    weighs = True

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.state = 0

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        self.asked.append(len(texts))
        return [Encoded(torch.tensor([[float(len(str(text))), float(self.state)]])) for text in texts]


def text(words: str) -> Text:
    return parse(words).parts[0].schedule(1)[0].text


@given(st.lists(st.sampled_from(["a", "a hat", "a red hat", ""]), max_size=30))
def test_each_text_once_and_alone(words: list[str]) -> None:
    encoder = Counting()
    remembered = Remembered(encoder)
    told = [remembered.encode([text(word)])[0] for word in words]
    together = remembered.encode([text(word) for word in words])
    assert encoder.asked == [1] * len(set(words))
    assert all(one is other for one, other in zip(told, together, strict=True))


def test_the_oldest_is_forgotten() -> None:
    encoder = Counting()
    remembered = Remembered(encoder, kept=2 * 8)  # bytes of two
    for word in ("a", "b", "a", "c", "a", "b"):
        remembered.encode([text(word)])
    assert len(encoder.asked) == 4  # a, b, c, and b once more


def test_another_wearer_has_texts_of_its_own() -> None:
    encoder = Counting()
    remembered = Remembered(encoder)
    shown = []
    for wearer in (None, "ann", None, "ann"):
        remembered.worn = wearer
        encoder.state = 1 if wearer else 0
        shown.append(float(remembered.encode([text("a")])[0].hidden[0, 1]))
    assert shown == [0, 1, 0, 1]
    assert len(encoder.asked) == 2
