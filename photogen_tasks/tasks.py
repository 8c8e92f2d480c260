"""The stages' work, a few lines each: a plain mapping crosses the wall into gpu_worker. No rows, no keys."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from celery import signals

from photogen_tasks import erase, inspection, shared_content, workers
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.queues import HOUSEKEEPING, INSPECT
from photogen_tasks.runner import OpenStage, stage_task
from photogen_tasks.stage_params import warm_params
from photogen_tasks.stages import Stage


@stage_task(Stage.PREPROCESS)
def preprocess(stage: OpenStage) -> None:
    """Judge the photos and crop them on the subject."""
    from gpu_worker.preprocess import PreprocessConfig, preprocess_photos
    from gpu_worker.weight_files import use_face_weights

    use_face_weights(settings().face_weights)
    preprocess_photos(stage.inputs, stage.outputs, PreprocessConfig.from_params(stage.params), on_step=stage.report)


@stage_task(Stage.MATTE)
def matte(stage: OpenStage) -> None:
    """Separate the person from the background."""
    from gpu_worker.matte import MatteConfig, matte_photos

    matte_photos(stage.inputs, stage.outputs, MatteConfig.from_params(stage.params), on_step=stage.report)


@stage_task(Stage.TRAIN)
def train(stage: OpenStage) -> None:
    """Teach the base model this one person."""
    from gpu_worker.device import let_go
    from gpu_worker.train import TrainConfig, train_dreambooth
    from gpu_worker.weight_files import use_face_weights

    use_face_weights(settings().face_weights)
    config = TrainConfig.from_params(stage.params)
    try:
        train_dreambooth(
            stage.inputs,
            stage.outputs,
            config,
            on_step=stage.report,
            checkpoints=stage.checkpoints,
            shared=stage.shared,
        )
    finally:  # the next customer's training is in this process too
        let_go()


@stage_task(Stage.GENERATE)
def generate(stage: OpenStage) -> None:
    """Draw the subject in the prompts of a style."""
    from gpu_worker.generate import GenerateConfig, generate_images
    from gpu_worker.weight_files import use_face_weights

    use_face_weights(settings().face_weights)
    generate_images(stage.inputs, stage.outputs, GenerateConfig.from_params(stage.params), on_step=stage.report)


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _warm_up(**_: Any) -> None:
    """Load the base model before the first customer comes; in a thread, for Celery ends who is slow to start."""

    def load(_: str) -> None:
        from gpu_worker.generate import warm_up

        warm_up(warm_params())

    if settings().private_queue:
        threading.Thread(target=workers.warm_up, args=(load,), name="warm-up", daemon=True).start()


@stage_task(Stage.UPSCALE)
def upscale(stage: OpenStage) -> None:
    """Enlarge the images to the size they are delivered in."""
    from gpu_worker.upscale import UpscaleConfig, upscale_images

    upscale_images(stage.inputs, stage.outputs, UpscaleConfig.from_params(stage.params), on_step=stage.report)


@app.task(name=INSPECT)  # type: ignore[untyped-decorator]  # Celery ships no types
def inspect(photo_id: str) -> bool:
    """Judge one photo before a job exists."""
    from gpu_worker.gate.photo import PhotoLimits, judge_photo
    from gpu_worker.weight_files import use_face_weights

    use_face_weights(settings().face_weights)

    def judged(path: Path) -> dict[str, Any]:
        return judge_photo(path, 1, PhotoLimits(), name="this photo")[0].told()

    return inspection.judge(photo_id, judged)


@app.task(name=HOUSEKEEPING)  # type: ignore[untyped-decorator]  # Celery ships no types
def housekeeping() -> int:
    """Remove photos that were never used in a job, files that a job has done with, and shared content that nobody
    used for long. How many there were.
    """
    return erase.abandoned_photos() + erase.originals() + shared_content.forget_unused()
