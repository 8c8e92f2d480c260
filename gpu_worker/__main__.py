"""Any stage by hand: `python -m gpu_worker STAGE IN OUT [--set key=value ...]`, and images drawn again from their
record: `python -m gpu_worker redraw IMAGES_JSON --inputs IN OUT`.

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
REDRAW = "redraw"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    given.outputs.mkdir(parents=True, exist_ok=True)
    try:
        return int(given.run(given))
    except WorkError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker", description="Run one stage by hand.")
    commands = parser.add_subparsers(dest="command", required=True)
    for stage in STAGES:
        command = commands.add_parser(stage, help=f"the stage {stage}")
        command.add_argument("inputs", type=Path, help="a folder with a folder per earlier stage")
        command.set_defaults(run=_stage, shared=None)
        if stage == "train":
            command.add_argument("--shared", type=Path, help="a folder where class images are kept for all trainings")
    command = commands.add_parser(REDRAW, help="draw images again from their record, and compare the pixels")
    command.add_argument("record", type=Path, help="an images.json of the stage generate, its images beside it")
    command.add_argument("--inputs", type=Path, required=True, help="the folder that the stage had")
    command.set_defaults(run=_redraw)
    for command in commands.choices.values():
        command.add_argument("outputs", type=Path, help="an empty or new folder")
        command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", type=_setting)
    return parser


def _stage(given: argparse.Namespace) -> int:
    verb, config = _load(given.command)
    verb(given.inputs, given.outputs, config.from_params(dict(given.set)), on_step=_show, **_shared(given.shared))
    return 0


def _shared(folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return {}
    from gpu_worker.shared_folder import SharedFolder  # not installed where only photos are judged

    return {"shared": SharedFolder(folder)}


def _redraw(given: argparse.Namespace) -> int:
    """0 when all pixels are the same."""
    from gpu_worker.provenance.redraw import redraw

    redrawn = redraw(given.record, given.inputs, given.outputs, dict(given.set), on_step=_show)
    for difference in redrawn.differences:
        print(difference)
    for file, same in redrawn.files.items():
        print(f"{'same' if same else 'different'}  {file}")
    return 0 if redrawn.same else 1


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
