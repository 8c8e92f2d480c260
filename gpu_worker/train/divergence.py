"""When a training went wrong for good: what it would cost to go on, the customer would pay. Only judges numbers."""

import math
from collections.abc import Sequence
from statistics import median

from gpu_worker.errors import TrainingDiverged

WINDOW = 50  # train steps
RISEN = 5.0
EXPLODED = 100.0
SMALLEST_SCALE = 1e-3  # of a float16 scaler, which begins at 65536 and is halved at each overflow


def check_train_step(losses: Sequence[float], gradient: float) -> None:
    """Raise TrainingDiverged, which names the train step, when the newest of `losses`, one for each so far, or the norm
    of its gradient tells that the weights are ruined.

    A loss that is no number stays none. Latents, noise and velocities have variances near 1, so a network that
    predicts nothing at all has a loss near 1, and EXPLODED times that comes of no photo. Below, single losses jump with
    their timestep, by several times their own size, but the median of WINDOW of them strays by about a fifth: RISEN
    times the first median is no chance, and fine-tuning only lowers the loss of what it shows.
    """
    if not losses:
        return
    step, newest = len(losses), losses[-1]
    if not math.isfinite(newest):
        raise TrainingDiverged(f"the loss was {newest} at train step {step}", step)
    if not math.isfinite(gradient):
        raise TrainingDiverged(f"the gradient's norm was {gradient} at train step {step}", step)
    if newest > EXPLODED:
        raise TrainingDiverged(
            f"the loss was {newest:.4g} at train step {step}; predicting nothing costs about 1", step
        )
    if step < 2 * WINDOW:
        return
    first, last = median(losses[:WINDOW]), median(losses[-WINDOW:])
    if last > RISEN * first:
        risen = f"the median loss rose from {first:.4g} to {last:.4g} at train step {step}"
        raise TrainingDiverged(risen, step - WINDOW + 1)


def check_scale(scale: float, step: int) -> None:
    """Raise TrainingDiverged when float16's gradients never are finite, however small they are made."""
    if scale < SMALLEST_SCALE:
        raise TrainingDiverged(f"no gradient was finite up to train step {step}", step)
