"""LoRA weights that prompts name: the subject's own, and files from the operator's folder.

How a prompt names them is prompt_language's; training them is train's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from gpu_worker.errors import BadPrompt, BadWeights
from gpu_worker.prompt_language import Lora

SUBJECT = "subject"  # <lora:subject:0.8>: the customer's own weights, less strongly


class Loras:
    """What one pipe holds, and how strongly each works now. Files are read when a prompt first names them."""

    def __init__(self, pipe: Any, folder: Path | None, *, has_subject: bool) -> None:
        """`has_subject`: a subject was put into the base model before, whatever its weights are."""
        self._pipe = pipe
        self._folder = folder
        self._has_subject = has_subject
        self._adapters: dict[str, str] = {}
        # None: weights that are not LoRA, or no subject at all.
        self._subject = next(iter(pipe.get_active_adapters()), None) if has_subject else None
        self._used: tuple[Lora, ...] = ()

    def check(self, loras: Sequence[Lora]) -> None:
        """Raise BadPrompt with `unknown_lora`, or `lora_not_scalable` for a subject that is no LoRA."""
        for lora in loras:
            if lora.name == SUBJECT and self._has_subject and self._subject is None:
                raise BadPrompt("lora_not_scalable", "This subject's weights are not LoRA: leave <lora:subject:…> out.")
            if lora.name != SUBJECT and not self._file(lora.name).is_file():
                raise BadPrompt("unknown_lora", f"There is no LoRA {lora.name!r}.")

    def use(self, loras: tuple[Lora, ...]) -> None:
        """Make the next images take these, and the subject's fully where they do not say otherwise.

        Raises BadPrompt as check() does, BadWeights when a file cannot be read or does not fit.
        """
        if loras == self._used:
            return
        self.check(loras)
        wanted = {self._subject: Lora(SUBJECT, 1.0, 1.0)} if self._subject else {}
        for lora in loras:
            name = self._subject if lora.name == SUBJECT else self._loaded(lora.name)
            if name is not None:  # images of the base model have no subject to weaken
                wanted[name] = lora
        self._set(wanted)
        self._used = loras

    def _set(self, wanted: dict[str, Lora]) -> None:
        if not wanted:
            if self._adapters:
                self._pipe.disable_lora()
            return
        self._pipe.enable_lora()
        self._pipe.set_adapters(list(wanted), adapter_weights=[self._by_part(*each) for each in wanted.items()])

    def _by_part(self, adapter: str, lora: Lora) -> dict[str, float]:
        """The weights of the parts that the adapter has something for."""
        weights = {"unet": lora.weight, "text_encoder": lora.text_weight}
        held = self._pipe.get_list_adapters()
        return {part: weight for part, weight in weights.items() if adapter in held.get(part, ())}

    def _loaded(self, name: str) -> str:
        if name not in self._adapters:
            adapter = f"named_{len(self._adapters)}"  # torch allows no points in names of modules
            file = self._file(name)
            try:
                self._pipe.load_lora_weights(file.parent, weight_name=file.name, adapter_name=adapter)
            except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
                raise BadWeights(f"the LoRA {name} does not load: {error}") from error
            self._adapters[name] = adapter
        return self._adapters[name]

    def _file(self, name: str) -> Path:
        if self._folder is None:
            return Path("/nonexistent")
        return self._folder / f"{name}.safetensors"
