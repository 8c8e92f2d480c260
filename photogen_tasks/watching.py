"""A job's progress in a terminal: one bar per stage, plain lines when it is not a terminal, a table at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

MARKS = {"succeeded": "[green]✓[/]", "failed": "[red]✗[/]", "cancelled": "[yellow]-[/]", "running": "▶"}
PLAIN_STEP = 0.1  # without a terminal: a line per tenth of a stage


def show(states: Iterable[dict[str, Any]], console: Console) -> dict[str, Any]:
    """Follow a job's states to the last one, which is returned."""
    return _bars(states, console) if console.is_terminal else _lines(states, console)


def _bars(states: Iterable[dict[str, Any]], console: Console) -> dict[str, Any]:
    columns = (
        TextColumn("{task.fields[mark]}"),
        TextColumn("{task.description:10}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[line]}"),
    )
    last: dict[str, Any] = {}
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {}
        for last in states:
            for stage in last["stages"]:
                name = stage["name"]
                if name not in bars:
                    bars[name] = progress.add_task(name, total=1.0, start=False, mark=" ", line="")
                _draw(progress, bars[name], stage)
    return last


def _draw(progress: Progress, bar: TaskID, stage: dict[str, Any]) -> None:
    if stage["status"] == "running" and progress.tasks[bar].start_time is None:
        progress.start_task(bar)
    mark = MARKS.get(stage["status"], " ")
    line = stage["line"] if stage["status"] == "running" else ""
    progress.update(bar, completed=stage["progress"], mark=mark, line=line)
    if stage["status"] not in ("running", "pending"):
        progress.stop_task(bar)


def _lines(states: Iterable[dict[str, Any]], console: Console) -> dict[str, Any]:
    told: dict[str, tuple[str, int]] = {}
    last: dict[str, Any] = {}
    for last in states:
        for stage in last["stages"]:
            state = (stage["status"], int(stage["progress"] / PLAIN_STEP))
            if stage["status"] != "pending" and told.get(stage["name"]) != state:
                told[stage["name"]] = state
                console.print(f"{stage['name']:10} {stage['status']:9} {stage['progress']:4.0%}  {stage['line']}")
    return last


def table(job: dict[str, Any]) -> Table:
    """Stage, status, seconds, attempts."""
    made = Table("stage", "status", "seconds", "attempts", title=f"job {job['id']}: {job['status']}")
    for stage in job["stages"]:
        seconds = f"{stage['seconds']:.1f}" if stage["seconds"] is not None else ""
        made.add_row(stage["name"], stage["status"], seconds, str(stage["attempts"]))
    return made
