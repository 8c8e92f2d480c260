"""Embeddings: what diffusers makes of plain prompts, emphasis with the mean restored, one CLIP and two."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from gpu_worker.errors import BadPrompt
from gpu_worker.generate.conditioning import Conditioning
from gpu_worker.prompt_encoding import ClipText, Encoded, PromptEncoder, TwoClips
from gpu_worker.prompt_encoding.chunks import chunked
from gpu_worker.prompt_language import Text, parse


def read(text: str) -> Text:
    return parse(text).parts[0].schedule(1)[0].text


def encode(encoder: PromptEncoder, *texts: str) -> list[Encoded]:
    return encoder.encode([read(text) for text in texts])


def test_a_plain_prompt_is_the_text_encoders_own_output(clip_l: ClipText) -> None:
    texts = ["red hat", "", "blue coat, red hat"]
    ids = clip_l.tokenizer(texts, padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        wanted = clip_l.text_encoder(ids)[0]
    assert torch.equal(torch.stack([each.hidden for each in encode(clip_l, *texts)]), wanted)


def test_chunks_are_encoded_apart_and_joined(clip_l: ClipText) -> None:
    long, red, blue = encode(clip_l, "red hat BREAK blue coat", "red hat", "blue coat")
    assert long.hidden.shape == (154, 32)
    torch.testing.assert_close(long.hidden, torch.cat([red.hidden, blue.hidden]))


@pytest.mark.parametrize("text", ["red (hat:1.4)", "[[red]] hat", "(red:0.1) hat", "(red:-0.5) ((hat))"])
def test_emphasis_scales_tokens_and_restores_the_mean(clip_l: ClipText, text: str) -> None:
    plain, strong = encode(clip_l, "red hat", text)
    (chunk,) = chunked(read(text), clip_l.tokenizer)
    scaled = plain.hidden * torch.tensor(chunk.weights)[:, None]
    torch.testing.assert_close(strong.hidden, scaled * plain.hidden.mean() / scaled.mean())
    torch.testing.assert_close(strong.hidden.mean(), plain.hidden.mean())
    assert not torch.allclose(strong.hidden, plain.hidden)


def test_a_chunk_without_emphasis_is_left_alone(clip_l: ClipText) -> None:
    plain, strong = encode(clip_l, "red hat BREAK blue coat", "red (hat:1.4) BREAK blue coat")
    assert torch.equal(plain.hidden[77:], strong.hidden[77:])
    assert not torch.equal(plain.hidden[:77], strong.hidden[:77])


def test_without_a_mean_there_is_nothing_to_restore(clip_l: ClipText) -> None:
    norm = clip_l.text_encoder.final_layer_norm
    with torch.no_grad():
        norm.bias -= 0.2
    try:
        plain, strong = encode(clip_l, "red hat", "red (hat:1.4)")
    finally:
        with torch.no_grad():
            norm.bias += 0.2
    torch.testing.assert_close(strong.hidden[0], plain.hidden[0])
    torch.testing.assert_close(strong.hidden[2], plain.hidden[2] * 1.4)


def test_two_clips_are_what_sdxl_reads(both_clips: TwoClips) -> None:
    """diffusers' own encoding of the same prompt, which has no emphasis, is the oracle."""
    pipe: Any = StableDiffusionXLPipeline.__new__(StableDiffusionXLPipeline)
    first, second = both_clips.first, both_clips.second
    parts = {"tokenizer": first.tokenizer, "tokenizer_2": second.tokenizer, "vae": None, "unet": None}
    parts |= {"text_encoder": first.text_encoder, "text_encoder_2": second.text_encoder, "scheduler": None}
    pipe.__init__(**parts, force_zeros_for_empty_prompt=False, add_watermarker=False)
    hidden, _, pooled, _ = pipe.encode_prompt("red hat", device="cpu", do_classifier_free_guidance=False)
    (ours,) = encode(both_clips, "red hat")
    assert ours.pooled is not None
    torch.testing.assert_close(ours.hidden, hidden[0])
    torch.testing.assert_close(ours.pooled, pooled[0])


def test_two_clips_weigh_each_for_itself(both_clips: TwoClips) -> None:
    plain, strong = encode(both_clips, "red hat", "red (hat:1.4)")
    assert both_clips.weighs
    assert strong.hidden.shape == (77, 80)
    for part in (slice(0, 32), slice(32, 80)):
        torch.testing.assert_close(strong.hidden[:, part].mean(), plain.hidden[:, part].mean())
        ratio = (strong.hidden / plain.hidden)[:, part].nanmedian(dim=1).values
        assert ratio[2] / ratio[0] == pytest.approx(1.4, rel=1e-3)
    assert strong.pooled is not None
    assert plain.pooled is not None
    torch.testing.assert_close(strong.pooled, plain.pooled)


def test_a_family_without_emphasis_says_so(both_clips: TwoClips) -> None:
    """Before anything is drawn, for the second of two text encoders too, and never for what has no weights."""
    mute = [replace(each, weighs=False) for each in (both_clips.first, both_clips.second)]
    for encoder in (replace(both_clips, first=mute[0]), replace(both_clips, second=mute[1])):
        assert not encoder.weighs
        for text in ("red (hat:1.4)", "[red] hat", "[red:(blue):3] hat"):
            with pytest.raises(BadPrompt, match="weights_unsupported"):
                Conditioning(encoder, [parse(text)], [parse("")], steps=4)
        Conditioning(encoder, [parse("[red|blue] hat AND coat :0.5 BREAK (hat:1)")], [parse("")], steps=4)


def test_pooled_is_the_first_chunks(both_clips: TwoClips) -> None:
    long, first = encode(both_clips, "red hat BREAK coat", "red hat")
    assert long.hidden.shape == (154, 80)
    assert long.pooled is not None
    assert first.pooled is not None
    torch.testing.assert_close(long.pooled, first.pooled)
