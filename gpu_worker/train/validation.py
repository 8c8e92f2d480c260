"""Looks at a training from outside while it runs: at some train steps samples are drawn, scored, and the weights kept.

What is drawn, scored and chosen stands in samples, scores and candidates; the training does not notice.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from gpu_worker.errors import OutOfMemory
from gpu_worker.evidence.judge import clip_hash
from gpu_worker.train.candidates import Candidates
from gpu_worker.train.choosing import Choice, last_train_step
from gpu_worker.train.config import TrainConfig
from gpu_worker.train.report import Clock
from gpu_worker.train.samples import draw, sample_steps
from gpu_worker.train.scores import SampleScorer
from gpu_worker.train.trainer import Trainer

WHY_LAST = "no samples were asked for"
WHY_LOST = "no candidate's samples and weights were there"  # too little memory to draw, or files that do not load


class Validation:
    """The candidates of one training; they lie beside its checkpoints, or for as long as it runs."""

    def __init__(
        self, inputs: Path, outputs: Path, config: TrainConfig, checkpoints: Path | None, fingerprint: str, clock: Clock
    ) -> None:
        self.candidates: Candidates | None = None
        self._inputs, self._outputs, self._config, self._clock = inputs, outputs, config, clock
        self._fingerprint = fingerprint
        self._scorer: SampleScorer | None = None
        self._temporary = None if checkpoints else TemporaryDirectory()
        self._folder = checkpoints or Path(self._temporary.name if self._temporary else "")

    def __enter__(self) -> "Validation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._temporary:
            self._temporary.cleanup()

    def look(self, training: Trainer, tell: Callable[[str], None]) -> None:
        """Draw and score samples if this train step is one of those; nothing twice. Without the memory for one image
        there is no candidate: what was learnt is not lost for it.
        """
        step = len(training.losses)
        if step not in sample_steps(self._config, training.total_steps):
            return
        with self._clock.phase("samples"):
            candidates = self._opened(training)
            if candidates.has(step):
                return
            self._scorer = self._scorer or SampleScorer(self._config, self._inputs, self._outputs)
            try:
                with training.weights():
                    images = draw(training.base, self._config, self._config.seed, tell)
            except OutOfMemory:
                return
            self._clock.count("samples", len(images))
            scores = self._scorer.score(images)
            with training.weights():
                candidates.add(step, scores, images)

    def choose(self, training: Trainer) -> Choice | None:
        """The best candidate, whose weights the base model has now; None where there is none to choose."""
        if not sample_steps(self._config, training.total_steps):
            return None
        return self._opened(training).take_best()

    def last(self, training: Trainer) -> Choice:
        """The choice where there is none to make."""
        asked = sample_steps(self._config, training.total_steps)
        return last_train_step(len(training.losses), WHY_LOST if asked else WHY_LAST)

    def _opened(self, training: Trainer) -> Candidates:
        if self.candidates is None:
            few = self._config.method == "full"
            judged_by = clip_hash(self._config.base_model, self._config.clip_weights)
            # What two networks scored cannot be compared; the training goes on under either.
            fingerprint = f"{self._fingerprint} {judged_by}" if judged_by else self._fingerprint
            self.candidates = Candidates(self._folder, fingerprint, training.save, training.load, few=few)
        return self.candidates
