"""One training in a process of its own, to be killed: `python -m tests.gpu_worker.train.killed CONFIG.json WHERE`.

Each line that the training tells is printed at once, so that whoever watches knows when to kill.
"""

import json
import sys
from pathlib import Path

import torch

from gpu_worker.train import TrainConfig, train_dreambooth


def main() -> None:
    torch.set_num_threads(1)
    config = TrainConfig.from_params(json.loads(Path(sys.argv[1]).read_text()))
    where = Path(sys.argv[2])
    train_dreambooth(
        where / "inputs",
        where / "out",
        config,
        on_step=lambda progress, line: print(line, flush=True),
        checkpoints=where / "checkpoints",
    )


if __name__ == "__main__":
    main()
