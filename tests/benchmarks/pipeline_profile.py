"""Where a stage's time goes: calls of the product's functions, SQL statements, transactions, publishing.

install() works inside a worker's child and costs a little itself: never in a measured run.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from json import dumps, loads
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from celery import signals
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

VARIABLE = "PIPELINE_PROFILE"  # the folder; one file in it per child
SELF = "photogen_tasks"
LEAST_MS = 0.05  # what is shorter is left out
LEFT_OUT = {"config", "log", "models", "failpoints"}  # called everywhere, too small to time
TASK, PUBLISH, STATEMENT = "Celery: the task in the child", "Celery: publish the next stage", "SQL statement"

_sums: Counter[str] = Counter()  # NAME calls, NAME wall and NAME cpu, the latter two in ns
_open: dict[str, tuple[int, int]] = {}


def install() -> None:
    """In a worker's child, once everything is imported: time it all, write the sums after each task."""
    signals.worker_process_init.connect(_time_everything, weak=False)
    signals.task_prerun.connect(lambda **_: _begin(TASK), weak=False)
    signals.before_task_publish.connect(lambda **_: _begin(PUBLISH), weak=False)
    signals.after_task_publish.connect(lambda **_: _end(PUBLISH), weak=False)
    signals.task_postrun.connect(_write, weak=False)
    for name in ("begin", "commit", "rollback"):
        event.listen(Engine, name, functools.partial(_count, f"SQL {name}"))
    event.listen(Pool, "connect", functools.partial(_count, "SQL connection opened"))
    event.listen(Pool, "checkout", functools.partial(_count, "SQL connection taken from the pool"))
    event.listen(Engine, "before_cursor_execute", lambda *_: _begin(STATEMENT))
    event.listen(Engine, "after_cursor_execute", lambda *_: _end(STATEMENT))


def _now() -> tuple[int, int]:
    return time.perf_counter_ns(), time.thread_time_ns()


def _begin(name: str) -> None:
    _open[name] = _now()


def _end(name: str) -> None:
    _add(name, _open[name])


def _add(name: str, began: tuple[int, int]) -> None:
    wall, cpu = _now()
    _sums.update({f"{name} calls": 1, f"{name} wall": wall - began[0], f"{name} cpu": cpu - began[1]})


def _count(name: str, *_: Any) -> None:
    _sums[f"{name} calls"] += 1


def _write(**_: Any) -> None:
    _end(TASK)
    (Path(os.environ[VARIABLE]) / str(os.getpid())).write_text(dumps(_sums))


def _time_everything(**_: Any) -> None:
    """Every function and method of the product, wherever a module holds it under a name."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == SELF]
    timed: dict[object, Callable[..., Any]] = {}
    for module in modules:
        for holder in (module, *_classes(module)):
            for name, member in list(vars(holder).items()):
                if isinstance(member, FunctionType) and _wanted(member):
                    timed.setdefault(member, _timed(member))
                    setattr(holder, name, timed[member])


def _classes(module: ModuleType) -> list[type]:
    found = (member for member in vars(module).values() if inspect.isclass(member))
    return [member for member in found if member.__module__ == module.__name__]


def _wanted(member: FunctionType) -> bool:
    parts = member.__module__.split(".")
    return parts[0] == SELF and parts[-1] not in LEFT_OUT and not inspect.isgeneratorfunction(inspect.unwrap(member))


def _timed(function: FunctionType) -> Callable[..., Any]:
    name = f"{function.__module__.split('.')[-1]}.{function.__qualname__}"

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = _now()
        try:
            return function(*args, **kwargs)
        finally:
            _add(name, began)

    return timed


def read(folder: Path) -> Counter[str]:
    """Sums of all children so far."""
    sums: Counter[str] = Counter()
    for path in folder.iterdir():
        sums.update(loads(path.read_text()))
    return sums


def tell(sums: Counter[str], stages: int) -> None:
    """Print them per stage, the longest first; inner calls are in the outer ones, too."""
    print(f"where it goes, means of {stages} stages run one by one; inner calls are in the outer ones:")
    print("   wall ms   CPU ms    calls  per stage")
    names = [name.removesuffix(" calls") for name in sums if name.endswith(" calls")]
    for name in sorted(names, key=lambda name: -sums[f"{name} wall"]):
        wall, cpu = (sums[f"{name} {clock}"] / 1e6 / stages for clock in ("wall", "cpu"))
        if wall >= LEAST_MS or name.startswith("SQL"):
            print(f"  {wall:8.2f} {cpu:8.2f} {sums[f'{name} calls'] / stages:8.2f}  {name}")
