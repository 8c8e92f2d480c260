"""Which texts guide an image at which inference step, and how seldom they are encoded."""

from collections.abc import Sequence

import pytest
import torch

from gpu_worker.errors import BadPrompt
from gpu_worker.generate.conditioning import KEPT, Conditioning
from gpu_worker.prompt_encoding import Encoded
from gpu_worker.prompt_language import Text, parse


class Spelling:
    """Encodes a text as its characters' codes, and remembers what it was asked for."""

    def __init__(self, *, weighs: bool = True) -> None:
        self.weighs = weighs
        self.asked: list[tuple[str, ...]] = []

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        spoken = ["".join(span.text for section in text for span in section) for text in texts]
        self.asked.append(tuple(spoken))
        return [Encoded(torch.tensor([[float(ord(letter))] for letter in text])) for text in spoken]


def spoken(encoded: Encoded) -> str:
    return "".join(chr(int(number)) for number in encoded.hidden.flatten())


def conditioning(encoder: Spelling, prompts: list[str], negative: str = "", steps: int = 4) -> Conditioning:
    against = [parse(negative, negative=True)] * len(prompts)
    return Conditioning(encoder, [parse(prompt) for prompt in prompts], against, steps)


def test_texts_change_at_their_steps() -> None:
    made = conditioning(Spelling(), ["[a:b:2]", "c AND d :0.5"], negative="[x|y]")
    told = [[([(spoken(t), w) for t, w in g.parts], spoken(g.negative)) for g in made.at(step)] for step in (1, 2, 3)]
    both = [("c ", 1.0), (" d", 0.5)]
    assert told == [
        [([("a", 1.0)], "x"), (both, "x")],
        [([("a", 1.0)], "y"), (both, "y")],
        [([("b", 1.0)], "x"), (both, "x")],
    ]


def test_texts_are_encoded_once() -> None:
    encoder = Spelling()
    made = conditioning(encoder, ["[a|b]", "c"], steps=20)
    for step in range(1, 21):
        made.at(step)
    assert sorted(encoder.asked) == [("", ""), ("a", "c"), ("b", "c")]


def test_memory_is_bounded() -> None:
    encoder = Spelling()
    made = conditioning(encoder, [f"[{'|'.join('abcdefghijkl')}]"], steps=24)
    for step in range(1, 25):
        made.at(step)
    assert len(encoder.asked) == 25 - (0 if KEPT < 12 else 12)


def test_a_family_without_emphasis_says_so() -> None:
    conditioning(Spelling(weighs=False), ["[a:b:2]", "c AND d :0.5"])
    for prompt, negative in (("(a:1.2)", ""), ("[a:(b):2]", ""), ("a", "[x]")):
        with pytest.raises(BadPrompt, match="weights_unsupported"):
            conditioning(Spelling(weighs=False), [prompt], negative)
