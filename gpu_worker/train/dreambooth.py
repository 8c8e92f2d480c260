"""The stage `train`: teach the base model one person.

Photos are ready squares by now; what is drawn with the result belongs to `generate`.
"""

import hashlib
import json
from contextlib import nullcontext
from pathlib import Path

import torch

from gpu_worker.base_models.folders import pipe_of
from gpu_worker.device import pick_device, telling_out_of_memory
from gpu_worker.evidence.limits import domain_of
from gpu_worker.evidence.references import write_references
from gpu_worker.stage import OnStep, SharedContent, silent
from gpu_worker.train.adapters import check_method, check_resolution, opened_in, trained_parts
from gpu_worker.train.attempt import Attempt
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.lessons import prepare
from gpu_worker.train.new_tokens import NAME, save_new_tokens
from gpu_worker.train.report import Clock, Facts, write_report
from gpu_worker.train.trainer import Trainer
from gpu_worker.train.validation import Validation
from gpu_worker.train.variants import photo_count
from gpu_worker.weights import RECORD, hash_base_model, open_base_model, save_difference, save_full, save_lora

PREPARATION = 0.2  # share of the progress bar before the first train step


def train_dreambooth(
    inputs: Path,
    outputs: Path,
    config: TrainConfig,
    *,
    on_step: OnStep | None = None,
    checkpoints: Path | None = None,
    shared: SharedContent | None = None,
) -> None:
    """Train on inputs/preprocess/instance, with the cutouts in inputs/matte/cutout where they exist.

    Writes the weights into outputs, float16 but for DoRA's lengths: pytorch_lora_weights.safetensors (method `lora`),
    beside it learned_embeds.safetensors (`pivotal`), or of method `full` unet/ and text_encoder/, or
    full_difference.safetensors. Then training.json (settings, base model hash, seconds, losses); report.json, loss.png
    and samples.png, which tell how it went and why these weights were kept; faces.json, the photos' faces, which images
    are compared with.

    Every `checkpointing_steps` train steps all that is needed to go on is in `checkpoints`, and on_step is called right
    after; a later call with the same settings and photos goes on from there, and ends with the same weights. After
    OutOfMemory a later call takes a train step's images in smaller pieces. Class images are found in `shared`.
    Raises BadWeights before any work, BadPhotos, OutOfMemory, TooLarge, TrainingDiverged, NotInstalled.
    """
    on_step, clock, config = on_step or silent, Clock(), config.on(pick_device())
    with telling_out_of_memory():
        with clock.phase("load"):
            base = open_base_model(config.base_model, config.revision, pick_device(), opened_in(config))
            if pipe_of(config.base_model) is None:  # a repository: nobody could tell its family before
                config = config.of_pipe(type(base.pipe()).__name__)
            check_method(base, config)
            check_resolution(base, config)
            base_hash = hash_base_model(config.base_model, config.revision)
        if domain_of(config.base_model).likeness is not None:  # nobody's face is kept where nobody compares it
            write_references(inputs / "preprocess", outputs)
        with clock.phase("prepare"):
            lesson = prepare(inputs, base, base_hash, config, shared, _part(on_step, 0, PREPARATION))
            clock.count("prepare", len(lesson.instance_latents) + len(lesson.class_latents))
        fingerprint = _fingerprint(inputs, config, base_hash)
        with Validation(inputs, outputs, config, checkpoints, fingerprint, clock) as validation:
            with clock.phase("train"):
                training = Trainer(base, lesson, config, config.steps_for(photo_count(inputs / "preprocess")))
                run = Attempt(training, validation, checkpoints, fingerprint, clock, _part(on_step, PREPARATION, 1))
                resumed_from = run.go_on()
                run.finish()
            choice = validation.choose(training)
            with clock.phase("save"), training.weights() if choice is None else nullcontext():
                _write_weights(training, outputs)
            facts = Facts(
                config,
                base,
                base_hash,
                training.losses,
                choice or validation.last(training),
                validation.candidates,
                training.prior_losses,
                resumed_from,
                clock,
                training.device,
            )
            write_report(inputs, outputs, facts)
    seconds = {name: round(spent, 2) for name, spent in clock.seconds.items()}
    record = {"config": config.model_dump(mode="json"), "base_model_hash": base_hash, "seconds": seconds}
    (outputs / RECORD).write_text(json.dumps(record | {"losses": training.losses}))


def _write_weights(training: Trainer, outputs: Path) -> None:
    config, base = training.config, training.base
    parts = trained_parts(base, config)
    if config.method != "full":
        save_lora(base, parts, outputs)
    elif config.save_full_as == "difference":
        before = open_base_model(config.base_model, config.revision, torch.device("cpu"))
        save_difference(base, before, parts, outputs)
    else:
        save_full(base, parts, outputs)
    for group in training.groups:
        if group.part == NAME:
            save_new_tokens(group, config, outputs)


def _fingerprint(inputs: Path, config: TrainConfig, base_hash: str) -> str:
    """Of all that shapes the result; a checkpoint with another one belongs to another training.

    Where the base model lies is not in it: another worker may have it in another folder.
    """
    settings = config.model_dump_json(exclude={"base_model", "revision"})
    digest = hashlib.sha256(f"{base_hash} {settings}".encode())
    for path in sorted(inputs.rglob("*.png")):
        digest.update(path.relative_to(inputs).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _part(on_step: OnStep, start: float, end: float) -> OnStep:
    """Report a part's own 0..1 as start..end of the whole."""

    def report(progress: float, line: str) -> None:
        on_step(start + (end - start) * progress, line)

    return report
