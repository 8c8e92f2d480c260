"""Writes the Grafana dashboard: `python -m monitoring.dashboard` after a change. No service runs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "grafana" / "dashboards" / "photogen.json"
SCHEMA = 39  # classic; every Grafana since 10.4 reads it and newer ones migrate it
WIDTH, HEIGHT, COLUMNS = 8, 8, 3  # three panels fill Grafana's 24 columns
WINDOW = "30m"  # jobs are few and long: a shorter window would mostly be empty
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One timeseries panel: its queries are (PromQL, legend)."""

    title: str
    unit: str
    description: str
    queries: tuple[tuple[str, str], ...]


def quantile(q: float) -> str:
    rate = f'rate(photogen_stage_duration_seconds_bucket{{outcome="succeeded"}}[{WINDOW}])'
    return f"histogram_quantile({q}, sum by (le, stage) ({rate}))"


PANELS = (
    Panel(
        "Jobs ended",
        "short",
        f"Jobs that ended in the last {WINDOW}, by outcome.",
        ((f"sum by (outcome) (increase(photogen_jobs_total[{WINDOW}]))", "{{outcome}}"),),
    ),
    Panel(
        "Jobs now",
        "short",
        "Jobs that wait and jobs that run.",
        (('photogen_jobs_in_state{status=~"queued|running"}', "{{status}}"),),
    ),
    Panel(
        "Jobs failed, by who must act",
        "short",
        "UsageError: the customer sends better photos. FatalError: we look at the traceback in the row.",
        ((f"sum by (error) (increase(photogen_job_failures_total[{WINDOW}]))", "{{error}}"),),
    ),
    Panel(
        "Images delivered",
        "short",
        f"Images of the last {WINDOW}.",
        ((f"increase(photogen_images_total[{WINDOW}])", "images"),),
    ),
    Panel(
        "Stage duration",
        "s",
        "Half and 95 % of the succeeded stage runs took no longer.",
        ((quantile(0.5), "{{stage}} p50"), (quantile(0.95), "{{stage}} p95")),
    ),
    Panel(
        "Stage failures",
        "short",
        "Stage runs that failed or were lost with their worker, by error.",
        (
            (
                f"sum by (stage, error) (increase(photogen_stage_failures_total[{WINDOW}]))",
                "{{stage}} {{error}}",
            ),
        ),
    ),
    Panel(
        "Stages running",
        "short",
        "Stages that hold a lease now.",
        (("photogen_stages_running", "{{stage}}"),),
    ),
    Panel(
        "Progress",
        "percentunit",
        "Mean progress of the running stages; a flat line is a stage that does not move.",
        (("photogen_stage_progress_ratio", "{{stage}}"),),
    ),
    Panel(
        "Messages in the broker",
        "short",
        "Ready: in the queue. Unacked: with a worker, or out until the broker gives it back.",
        (("photogen_queue_depth", "{{queue}} {{state}}"),),
    ),
    Panel(
        "Oldest waiting stage",
        "s",
        "By the rows: how long the oldest stage that could run has waited for a worker.",
        (("photogen_queue_oldest_age_seconds", "{{queue}}"),),
    ),
    Panel(
        "Workers",
        "short",
        "Workers that answered, by the queue they take, and how many of them work.",
        (("photogen_workers", "{{queue}}"), ("photogen_workers_busy", "{{queue}} busy")),
    ),
    Panel(
        "Mended by the sweeper",
        "short",
        f"What the sweeper had to put right in the last {WINDOW}; calm when workers and broker are.",
        ((f"sum by (action) (increase(photogen_sweeper_actions_total[{WINDOW}]))", "{{action}}"),),
    ),
    Panel(
        "Outbox age",
        "s",
        "How long the oldest chain that is due has waited to be sent.",
        (("photogen_outbox_age_seconds", "oldest"),),
    ),
    Panel(
        "Age of what is shown here",
        "s",
        "How long ago each watcher last saw anything; beyond 30 s its panels stay empty.",
        (("photogen_watcher_age_seconds", "{{watcher}}"),),
    ),
    Panel(
        "Looks that failed",
        "short",
        f"How often a watcher could not look in the last {WINDOW}.",
        ((f"increase(photogen_watcher_errors_total[{WINDOW}])", "{{watcher}}"),),
    ),
)


def dashboard() -> dict[str, Any]:
    """The dashboard in Grafana's classic JSON."""
    return {
        "uid": "photogen",
        "title": "Photogen",
        "tags": ["photogen"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource()]},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def _datasource() -> dict[str, Any]:
    current = {"text": "Prometheus", "value": "prometheus"}
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": current,
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for i, (expr, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """What the committed file must hold."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
