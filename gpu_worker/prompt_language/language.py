"""One prompt, whole: its LoRAs, the parts that AND joins, and what each part says at every inference step.

No tokens and no tensors; a prompt that was parsed can be drawn.
"""

from dataclasses import dataclass

from gpu_worker.prompt_language.composition import split_at_ands
from gpu_worker.prompt_language.editing import Node, changes, read_edits, text_at
from gpu_worker.prompt_language.emphasis import Text, read_emphasis
from gpu_worker.prompt_language.limits import LIMITS, Limits, check_count, check_length, check_weight, refuse
from gpu_worker.prompt_language.loras import Lora, take_loras


@dataclass(frozen=True)
class Stretch:
    """A text that holds up to inference step `until`, counted from 1."""

    until: int
    text: Text


@dataclass(frozen=True)
class Part:
    """One of the prompts that AND joins; `weight` multiplies its guidance."""

    nodes: tuple[Node, ...]
    weight: float
    most: float  # weights that only an edit makes larger are held here

    def schedule(self, steps: int, first_pass: int = 0) -> tuple[Stretch, ...]:
        """What holds when, over `steps` inference steps: each stretch as long as its text stays the same.

        `first_pass`: how many steps a pass before this one took, for images that are drawn in two.
        """
        if not changes(self.nodes):
            return (Stretch(steps, read_emphasis(text_at(self.nodes, 1, steps), most=self.most)),)
        stretches: list[Stretch] = []
        read: dict[str, Text] = {}
        for step in range(1, steps + 1):
            written = text_at(self.nodes, step, steps, first_pass)
            if written not in read:
                read[written] = read_emphasis(written, most=self.most)
            text = read[written]
            if stretches and stretches[-1].text == text:
                stretches.pop()
            stretches.append(Stretch(step, text))
        return tuple(stretches)


@dataclass(frozen=True)
class Prompt:
    """A prompt that was read: what is drawn, and the LoRA weights that it asks for."""

    parts: tuple[Part, ...]
    loras: tuple[Lora, ...]


def parse(text: str, *, negative: bool = False, limits: Limits = LIMITS) -> Prompt:
    """Read a prompt. Time is linear in its length.

    In a negative prompt AND is a word like any other, and LoRAs are refused. Raises BadPrompt with a code that
    names what is wrong: `prompt_too_long`, `too_many_brackets`, `nested_too_deep`, `too_many_parts`, `too_many_breaks`,
    `too_many_loras`, `weight_out_of_range`, `step_out_of_range`, `unknown_tag`, `bad_lora`, `lora_in_negative_prompt`.
    """
    check_length(text, limits)
    words, loras = take_loras(text, limits)
    if negative and loras:
        refuse("lora_in_negative_prompt", "LoRAs stand in the prompt, not in the negative prompt.")
    parts = [(words, 1.0)] if negative else split_at_ands(words, limits)
    for part, _ in parts:
        _check_emphasis(part, limits)
    return Prompt(tuple(Part(read_edits(part, limits), weight, limits.weight) for part, weight in parts), loras)


def _check_emphasis(text: str, limits: Limits) -> None:
    """As if every option were drawn at once, in brackets that do not weaken: those of edits will be gone."""
    sections = read_emphasis(text, square=1.0)
    check_count(len(sections) - 1, limits.breaks, "too_many_breaks", "BREAKs")
    for span in (span for section in sections for span in section):
        check_weight(span.weight, limits)
