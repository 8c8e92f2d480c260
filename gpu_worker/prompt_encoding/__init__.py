"""Prompts into what the unet reads: chunks of tokens, emphasis, one CLIP or two.

The language itself is prompt_language's; nothing is drawn here.
"""

from gpu_worker.prompt_encoding.clip import ClipText, Encoded, PromptEncoder, TwoClips

__all__ = ["ClipText", "Encoded", "PromptEncoder", "TwoClips"]
