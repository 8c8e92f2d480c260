"""Subjects put on and taken off a loaded base model, by merging into its weights and restoring them bit by bit.

Merged weights cost no time while images are drawn, and nothing is left behind: every weight that was ever changed
is kept as it was. No file is read here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import torch

from gpu_worker.errors import BadWeights
from gpu_worker.generate.changes import Change, Difference
from gpu_worker.generate.lora_files import plain_name

Worn = Sequence[tuple[Change, float]]  # each with a strength


class Merged:
    """The weights of a base model's parts, with what is put on now."""

    def __init__(self, parts: Mapping[str, torch.nn.Module]) -> None:
        self._weights = {
            f"{part}.{plain_name(name)}": tensor
            for part, module in parts.items()
            for name, tensor in module.state_dict().items()
        }
        self._kept: dict[str, torch.Tensor] = {}
        self._changed: set[str] = set()

    @property
    def bytes(self) -> int:
        """Memory of the weights that are kept as they were."""
        return sum(tensor.nbytes for tensor in self._kept.values())

    @property
    def changed_parts(self) -> set[str]:
        """Which parts differ from the base model now."""
        return {name.split(".", 1)[0] for name in self._changed}

    @torch.no_grad()
    def wear(self, worn: Worn = (), full: Mapping[str, torch.Tensor] | None = None) -> None:
        """Make the weights those of the base model, or `full` where it has one (by PART.NAME), plus `worn`.

        What several add to one weight is summed; each adds what it would add alone.
        Raises BadWeights for what does not fit, with the weights as they were before.
        """
        full = full or {}
        changes = self._changes(worn)
        for name, tensor in full.items():
            self._check(name, tuple(tensor.shape))
        self._check_whole([*full, *(_name(change) for change, _ in worn if isinstance(change, Difference))])
        for name in [*self._changed]:
            if name not in changes and name not in full:
                self._weights[name].copy_(self._kept[name])
                self._changed.discard(name)
        for name in [*full, *(name for name in changes if name not in full)]:
            self._set(name, full.get(name), changes.get(name, ()))

    def _changes(self, worn: Worn) -> dict[str, list[tuple[Change, float]]]:
        changes = defaultdict(list)
        for change, strength in worn:
            self._check(_name(change), change.shape)
            changes[_name(change)].append((change, strength))
        return changes

    def _check_whole(self, names: Iterable[str]) -> None:
        """A part that was trained as a whole comes as a whole."""
        held = set(names)
        parts = {name.split(".", 1)[0] for name in held}
        if missing := [name for name in self._weights if name.split(".", 1)[0] in parts and name not in held]:
            raise BadWeights(f"there is no {missing[0]} in the file, and {len(missing) - 1} more are missing")

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        weight = self._weights.get(name)
        if weight is None:
            raise BadWeights(f"the base model has no {name}")
        if tuple(weight.shape) != shape:
            raise BadWeights(f"{name} is {tuple(weight.shape)} in the base model and {shape} in the file")

    def _set(self, name: str, full: torch.Tensor | None, changes: Iterable[tuple[Change, float]]) -> None:
        weight = self._weights[name]
        if name not in self._kept:
            self._kept[name] = weight.clone()
        self._changed.add(name)
        base = (self._kept[name] if full is None else full.to(weight.device)).float()
        base = base.flatten(1) if base.dim() > 1 else base
        rows = base
        for change, strength in changes:
            rows = change.onto(rows, base, strength)
        weight.copy_(rows.view(weight.shape))


def _name(change: Change) -> str:
    return f"{change.part}.{change.name}"
