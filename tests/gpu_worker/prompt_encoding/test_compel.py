"""compel, another prompt language, says the same where the two overlap: nested weights, plain and long prompts."""

import random
from typing import Any

import compel  # type: ignore[import-untyped]  # ships no types
import pytest
import torch

from gpu_worker.prompt_encoding import ClipText
from gpu_worker.prompt_language import parse

WORDS = ("hat", "coat", "red", "blue")
# How ours begins and ends, and what stands behind the brackets there.
FORMS = (
    *(("(", f":{weight})", weight) for weight in ("0.5", "0.8", "1.2", "1.5", "2")),
    ("(", ")", "+"),
    ("((", "))", "++"),
)


def in_both(chance: random.Random, depth: int) -> tuple[str, str]:
    """One random prompt in our language and in compel's: `(x:1.3)` is `(x)1.3` there, `((x))` is `(x)++`."""
    ours, theirs = [], []
    for _ in range(chance.randint(1, 3)):
        if depth and chance.random() < 0.5:
            begin, end, weight = chance.choice(FORMS)
            one, other = in_both(chance, depth - 1)
            ours.append(f"{begin}{one}{end}")
            theirs.append(f"({other}){weight}")
        else:
            ours.append(chance.choice(WORDS))
            theirs.append(ours[-1])
    return " ".join(ours), " ".join(theirs)


def words_with_weights(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    return [(word, round(weight, 9)) for text, weight in pieces for word in text.split()]


@pytest.mark.parametrize("seed", range(24))
def test_nested_weights(seed: int) -> None:
    ours, theirs = in_both(random.Random(seed), 3)
    text = parse(ours).parts[0].schedule(1)[0].text
    (flattened,) = compel.prompt_parser.PromptParser().parse_conjunction(theirs).prompts
    told = [(fragment.text, fragment.weight) for fragment in flattened.children]
    assert words_with_weights([(span.text, span.weight) for span in text[0]]) == words_with_weights(told)


@pytest.mark.parametrize("text", ["red hat", "", "hat " * 75, "hat " * 100])
def test_plain_prompts_of_any_length(clip_l: ClipText, text: str) -> None:
    # Its usual cut copies the first chunk's end into the others; BRUTAL encodes each by itself, as we do.
    provider: Any = compel.EmbeddingsProvider(
        tokenizer=clip_l.tokenizer,
        text_encoder=clip_l.text_encoder,
        truncate=False,
        split_long_text_mode=compel.SplitLongTextMode.BRUTAL,
    )
    with torch.no_grad():
        theirs = provider.get_embeddings_for_weighted_prompt_fragments([[text]], [[1.0]], device="cpu")[0]
    (ours,) = clip_l.encode([parse(text).parts[0].schedule(1)[0].text])
    torch.testing.assert_close(ours.hidden, theirs)
