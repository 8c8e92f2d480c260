"""The prompt language of AUTOMATIC1111, written anew from its documented behaviour: text in, spans with weights out.

Pure Python: no tensor, no tokenizer, no model, so that the API may refuse what could not be drawn.
"""

from gpu_worker.errors import BadPrompt
from gpu_worker.prompt_language.emphasis import Section, Span, Text
from gpu_worker.prompt_language.language import Part, Prompt, Stretch, parse
from gpu_worker.prompt_language.limits import FILLED, LIMITS, Limits, naming
from gpu_worker.prompt_language.loras import Lora

__all__ = [
    "FILLED",
    "LIMITS",
    "BadPrompt",
    "Limits",
    "Lora",
    "Part",
    "Prompt",
    "Section",
    "Span",
    "Stretch",
    "Text",
    "naming",
    "parse",
]
