"""New tokens in front of a text encoder: read as a training wrote them, understood, gone without a trace."""

import copy
import gc
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from gpu_worker.base_models.family import load_base_model
from gpu_worker.errors import BadWeights
from gpu_worker.generate.new_tokens import NewTokens, read_tokens
from gpu_worker.prompt_encoding import ClipText, TwoClips
from gpu_worker.prompt_language import Text, parse

WIDTH = 32


@pytest.fixture
def clip(random_pocket: Path) -> ClipText:
    encoder = load_base_model(random_pocket).prompt_encoder()
    assert isinstance(encoder, ClipText)
    return encoder


def text(words: str) -> Text:
    return parse(words).parts[0].schedule(1)[0].text


def encoded(clip: ClipText, prompts: Sequence[str]) -> torch.Tensor:
    return torch.stack([clip.encode([text(prompt)])[0].hidden for prompt in prompts])


def random_tokens(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def enlarged(clip: ClipText, tokens: torch.Tensor) -> ClipText:
    """A copy with the tokens in the tokenizer's vocabulary and in the network's table, as other programs load them."""
    names = [f"<s{number}>" for number in range(len(tokens))]
    tokenizer, network = copy.deepcopy(clip.tokenizer), copy.deepcopy(clip.text_encoder)
    tokenizer.add_tokens(names)
    known = len(clip.tokenizer)
    network.resize_token_embeddings(known + len(tokens), mean_resizing=False)
    network.get_input_embeddings().weight.data[known:] = tokens
    return ClipText(tokenizer, network)


PROMPTS = (
    "a photo of a {} man",
    "{}",
    "a {}, {}'s photo",
    "(a photo:1.3) of ({}:0.7) person",
    "photo",
    "a photo of " * 14 + "{}, person",
)


@pytest.mark.parametrize("count", [1, 2, 8])
@torch.no_grad()
def test_the_identifier_means_what_a_larger_vocabulary_would_say(clip: ClipText, count: int) -> None:
    other = enlarged(clip, random_tokens(count))
    NewTokens(clip).wear("zwx", random_tokens(count))
    for prompt in PROMPTS:
        ours = encoded(clip, [prompt.replace("{}", "zwx")])
        theirs = encoded(other, [prompt.replace("{}", "".join(f"<s{number}>" for number in range(count)))])
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@settings(deadline=None)  # the first example loads a network
@given(st.lists(st.sampled_from(["zwx", "ZWX", "zwxs", "azwx", "zwx_", "photo", ",", "zwx.", "é"]), max_size=8))
def test_only_the_word_itself_is_replaced(random_pocket: Path, words: list[str]) -> None:
    clip = _clip(random_pocket)
    known = clip.tokenizer.get_vocab()["zwx</w>"]
    written = " ".join(words)
    before = clip.tokenizer([written], add_special_tokens=False).input_ids[0]
    tokens = NewTokens(clip)
    tokens.wear("zwx", random_tokens(2))
    first = len(clip.tokenizer.get_vocab())
    ours = clip.tokenizer([written], add_special_tokens=False).input_ids[0]
    tokens.wear()
    wanted = [new for old in before for new in ([first, first + 1] if old == known else [old])]
    alone = sum(word.lower().rstrip(".") == "zwx" for word in words)
    assert ours.count(first) == alone
    if not {"zwxs", "azwx", "zwx_"} & set(words):  # in those CLIP itself may see the identifier
        assert ours == wanted


_clips: dict[Path, ClipText] = {}


def _clip(folder: Path) -> ClipText:
    """Loaded once for all of hypothesis' examples."""
    if folder not in _clips:
        encoder = load_base_model(folder).prompt_encoder()
        assert isinstance(encoder, ClipText)
        _clips[folder] = encoder
    return _clips[folder]


def test_taken_off_nothing_is_left(clip: ClipText) -> None:
    tokenizer, table = clip.tokenizer, clip.text_encoder.get_input_embeddings()
    held = {name: tensor.clone() for name, tensor in clip.text_encoder.state_dict().items()}
    bare = encoded(clip, ["a photo of a zwx man"])
    tokens = NewTokens(clip)
    tokens.wear("zwx", random_tokens(2))
    assert not torch.equal(encoded(clip, ["a photo of a zwx man"]), bare)
    tokens.wear()
    assert clip.tokenizer is tokenizer
    assert clip.text_encoder.get_input_embeddings() is table
    after = clip.text_encoder.state_dict()
    assert list(after) == list(held)
    assert all(torch.equal(after[name], held[name]) for name in held)
    assert torch.equal(encoded(clip, ["a photo of a zwx man"]), bare)


def test_thousands_of_swaps_take_no_memory(clip: ClipText) -> None:
    tokens, subjects = NewTokens(clip), [("zwx", random_tokens(2, 1)), ("sks", random_tokens(8, 2))]
    bare = encoded(clip, ["a zwx sks man"])

    def swap(times: int) -> int:
        for number in range(times):
            tokens.wear(*subjects[number % 2])
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = swap(500)
    assert swap(8_000) - before < 4 * 2**20  # bytes
    tokens.wear()
    assert torch.equal(encoded(clip, ["a zwx sks man"]), bare)


def test_half_precision(clip: ClipText) -> None:
    clip.text_encoder.to(torch.bfloat16)
    NewTokens(clip).wear("zwx", random_tokens(2))
    assert encoded(clip, ["a zwx man"]).dtype == torch.bfloat16


def test_what_does_not_fit_changes_nothing(clip: ClipText) -> None:
    tokenizer, tokens = clip.tokenizer, NewTokens(clip)
    tokens.wear("zwx", random_tokens(2))
    with pytest.raises(BadWeights, match="16 wide"):
        tokens.wear("zwx", torch.zeros(2, 16))
    assert clip.tokenizer is tokenizer
    assert not tokens.worn
    with pytest.raises(BadWeights, match="identifier"):
        tokens.wear("", random_tokens(2))
    with pytest.raises(BadWeights, match="room"):
        NewTokens(TwoClips(clip, clip)).wear("zwx", random_tokens(2))


@pytest.mark.parametrize("shape", [(WIDTH,), (1, WIDTH)])
def test_a_file_as_a_training_writes_it(tmp_path: Path, shape: tuple[int, ...]) -> None:
    rows = random_tokens(3).half()
    held = {f"<s{number}>": rows[number].clone().view(shape) for number in (2, 0, 1)}
    save_file(held, tmp_path / "learned_embeds.safetensors")
    assert torch.equal(read_tokens(tmp_path / "learned_embeds.safetensors"), rows.float())


ROW = torch.zeros(WIDTH)


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"<s1>": ROW},
        {"<s0>": ROW, "<s2>": ROW},
        {"photo": ROW},
        {"<s0>": ROW, "photo": ROW},
        {"<s0>": ROW, "<s1>": torch.zeros(16)},
        {"<s0>": torch.zeros(2, WIDTH)},
        {"<s0>": torch.zeros(())},
        {"<s0>": torch.zeros(WIDTH, dtype=torch.int64)},
        {"<s0>": torch.full((WIDTH,), float("nan"))},
        {"<s0>": torch.full((WIDTH,), float("inf"))},
        {f"<s{number}>": ROW.clone() for number in range(1000)},
    ],
)
def test_what_are_no_tokens(tmp_path: Path, held: dict[str, torch.Tensor]) -> None:
    save_file({name: tensor.clone() for name, tensor in held.items()}, tmp_path / "learned_embeds.safetensors")
    with pytest.raises(BadWeights, match=r"learned_embeds\.safetensors"):
        read_tokens(tmp_path / "learned_embeds.safetensors")
