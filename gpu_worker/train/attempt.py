"""One attempt at a training: its train steps, with what is saved, looked at and told between them.

What a train step does is the trainer's; what comes before and after all of them, the stage's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gpu_worker.device import telling_out_of_memory
from gpu_worker.errors import OutOfMemory, TooLarge, TrainingDiverged
from gpu_worker.stage import OnStep
from gpu_worker.train import checkpoints as saves
from gpu_worker.train.pieces import images_per_piece, note_smaller
from gpu_worker.train.report import Clock
from gpu_worker.train.trainer import Trainer
from gpu_worker.train.validation import Validation

SHOWN_OVER = 20  # train steps averaged in the loss that is shown
NOTHING_SMALLER = (
    "a train step does not fit into memory with one image at a time: set a smaller resolution, gradient_checkpointing, "
    "method lora, no train_text_encoder, or train on a larger gpu, which no other process uses ({})"
)


class Attempt:
    """The train steps of one attempt, with what is saved and told on the way."""

    def __init__(
        self,
        training: Trainer,
        validation: Validation,
        checkpoints: Path | None,
        fingerprint: str,
        clock: Clock,
        on_step: OnStep,
    ) -> None:
        self._training, self._validation, self._clock, self._on_step = training, validation, clock, on_step
        self._checkpoints, self._fingerprint = checkpoints, fingerprint
        accumulation = training.config.gradient_accumulation_steps
        training.images_per_piece = images_per_piece(training.batches.images, accumulation, checkpoints)

    @property
    def _done(self) -> int:
        return len(self._training.losses)

    def go_on(self) -> int:
        """Restore the newest checkpoint, if there is one; the train steps that it saves us."""
        if self._checkpoints and saves.restore(self._checkpoints, self._training.progress, self._fingerprint):
            self._tell(f"going on from train step {self._done}/{self._training.total_steps}")
            self._validation.look(self._training, self._tell)  # whoever stopped it may have stopped the samples
        return self._done

    def finish(self) -> None:
        """Take the train steps that are left."""
        training, every = self._training, self._training.config.checkpointing_steps
        while self._done < training.total_steps:
            with self._telling_how_to_go_on():
                training.step()
            self._clock.count("train", training.batches.images)
            try:
                self._validation.look(training, self._tell)
                if self._done % every == 0 and self._done < training.total_steps:
                    self._save()
                self._tell(self._line())
            except Exception:  # whoever stops the training may want to go on from here
                self._save()
                raise

    def _line(self) -> str:
        training = self._training
        shown = f"loss {_recent(training.losses):.4f}"
        if training.prior_losses:
            shown += f", prior loss {_recent(training.prior_losses):.4f}"
        return f"train step {self._done}/{training.total_steps} {shown}"

    def _tell(self, line: str) -> None:
        self._on_step(self._done / self._training.total_steps, line)

    def _save(self) -> None:
        if self._checkpoints:
            keep = self._training.config.checkpoints_total_limit
            saves.save(self._checkpoints, self._training.progress, self._fingerprint, keep)

    @contextmanager
    def _telling_how_to_go_on(self) -> Iterator[None]:
        try:
            with telling_out_of_memory():
                yield
        except OutOfMemory as error:
            if self._training.images_per_piece == 1:
                raise TooLarge(NOTHING_SMALLER.format(error)) from error
            raise OutOfMemory(self._with_smaller_pieces(error)) from error
        except TrainingDiverged as error:
            good = saves.newest(self._checkpoints, self._fingerprint, error.since) if self._checkpoints else None
            told = f"{error}; the last good checkpoint: {good.name if good else 'none'}"
            raise TrainingDiverged(told, error.since) from error

    def _with_smaller_pieces(self, error: OutOfMemory) -> str:
        size = self._training.images_per_piece
        if not self._checkpoints:
            return f"a train step on {size} images at once does not fit: {error}"
        less = note_smaller(size, self._checkpoints)
        self._tell(f"out of memory with {size} images at once; the next attempt takes {less}")
        return f"{size} images at once are too many, {less} are taken next: {error}"


def _recent(losses: list[float]) -> float:
    last = losses[-SHOWN_OVER:]
    return sum(last) / len(last)
