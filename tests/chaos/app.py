"""The real Celery app with the tasks of chaos instead of the stages' own; `celery -A tests.chaos.app` finds it."""

from __future__ import annotations

from photogen_tasks.celery import INCLUDE, app

# A spawned child gets the settings and imports what they name.
app.conf.include = [module.replace("photogen_tasks.tasks", "tests.chaos.tasks") for module in INCLUDE]

__all__ = ["app"]
