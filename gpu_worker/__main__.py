"""Any stage by hand: `python -m gpu_worker STAGE IN OUT [--set key=value ...]`.

No stage's logic; IN and OUT are the folders that the stage's entry describes.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gpu_worker.errors import WorkError

# stage → (verb, its settings' class)
STAGES = {
    "preprocess": ("preprocess_photos", "PreprocessConfig"),
    "matte": ("matte_photos", "MatteConfig"),
    "train": ("train_dreambooth", "TrainConfig"),
    "generate": ("generate_images", "GenerateConfig"),
    "upscale": ("upscale_images", "UpscaleConfig"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker", description="Run one stage by hand.")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("inputs", type=Path, help="a folder with a folder per earlier stage")
    parser.add_argument("outputs", type=Path, help="an empty or new folder")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", type=_setting)
    given = parser.parse_args(arguments)
    given.outputs.mkdir(parents=True, exist_ok=True)
    verb, config = _load(given.stage)
    try:
        verb(given.inputs, given.outputs, config.from_params(dict(given.set)), on_step=_show)
    except WorkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _load(stage: str) -> tuple[Callable[..., None], Any]:
    module = import_module(f"gpu_worker.{stage}")
    verb, config = STAGES[stage]
    return getattr(module, verb), getattr(module, config)


def _setting(text: str) -> tuple[str, Any]:
    """`rank=8` → ("rank", 8): the value as JSON where it is JSON, else as it stands."""
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _show(progress: float, line: str) -> None:
    print(f"{progress:4.0%}  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
