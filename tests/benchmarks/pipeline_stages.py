"""The product's five stages around work that does nothing but write what photogen_tasks.outcomes reads.

A Celery worker is started with this module as its app. Claims, leases, heartbeats, storage, rows and events are the
product's own; nothing here knows how they work.
"""

from __future__ import annotations

import json
import os
from typing import Any

from photogen_tasks.celery import INCLUDE, app
from photogen_tasks.runner import OpenStage, Work, stage_task
from photogen_tasks.stages import Stage
from tests.benchmarks import pipeline_profile
from tests.benchmarks.pipeline_servers import SERVED
from tests.benchmarks.pipeline_stamps import Watch

# Not photogen_tasks.tasks: its stages bear the same names.
app.conf.include = ["tests.benchmarks.pipeline_stages", *(name for name in INCLUDE if name != "photogen_tasks.tasks")]
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "priority_steps": SERVED}

IMAGE = "image.png"
WRITES: dict[Stage, dict[str, Any]] = {
    Stage.PREPROCESS: {"report.json": {"photos": [{"accepted": True}], "set": {"accepted": True}}},
    Stage.TRAIN: {"training.json": {"base_model_hash": "0" * 64}},
    Stage.UPSCALE: {
        "images.json": {"images": [{"file": IMAGE, "width": 1, "height": 1, "prompt": "", "seed": 0}]},
        IMAGE: "no picture",
    },
}


def _writing(contents: dict[str, Any]) -> Work:
    def work(stage: OpenStage) -> None:
        """Write these files, and when."""
        watch = Watch()
        for name, content in contents.items():
            (stage.outputs / name).write_text(json.dumps(content))
        watch.stop()

    return work


for each in Stage:
    stage_task(each)(_writing(WRITES.get(each, {})))

if os.environ.get(pipeline_profile.VARIABLE):
    pipeline_profile.install()
