"""One worker: pinned to its GPU before anything imports torch, on its role's queue. Stage work never enters."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import structlog
from celery import signals
from celery.worker import state
from sqlalchemy.exc import SQLAlchemyError

from photogen_tasks import broker, claims, log, private_queues, workers
from photogen_tasks.config import child_environment, settings
from photogen_tasks.errors import UsageError
from photogen_tasks.heartbeat import drain_flag
from photogen_tasks.processes import die_with_parent
from photogen_tasks.queues import private_name
from photogen_tasks.stages import Role

logger = structlog.get_logger()
LOOK_SECONDS = 0.2  # how often a leaving worker looks whether its stage was given back
# A training gets a fresh process, so that its memory is surely free afterwards.
# One that draws keeps base models in memory: a fresh process pays for loading them again.
TASKS_PER_CHILD = {Role.CPU: 100, Role.TRAIN: 1, Role.INFER: 1000, Role.INSPECT: 200}
_left = threading.Event()


def start(role: Role, gpu: str = "", name: str = "") -> NoReturn:
    """Replace this process by a Celery worker of one role; see settings for the rest.

    Raises UsageError when a worker of this name runs here already.
    """
    name = name or (f"{role}-gpu{gpu}" if gpu else role.value)
    node = f"{name}@{socket.gethostname()}"
    scratch = settings().work_dir or Path(tempfile.gettempdir()) / "photogen-work"
    _take_name(scratch, name)
    shutil.rmtree(scratch / name, ignore_errors=True)  # what a killed predecessor left behind
    own = private_name(node) if role is Role.INFER else ""
    environment = child_environment(
        PHOTOGEN_WORKER_NAME=node,
        PHOTOGEN_PRIVATE_QUEUE=own,
        PHOTOGEN_GPU=gpu,
        PHOTOGEN_WORK_DIR=str(scratch / name),
        # SIGTERM then means: give the stage back in time, instead of finishing an hour of training.
        REMAP_SIGTERM="SIGQUIT",
        **({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}),
    )
    command = [sys.executable, "-m", "celery", "-A", "photogen_tasks.celery", "worker"]
    command += [
        "-Q",
        f"{role},{own}" if own else role.value,
        "-n",
        node,
        "-c",
        "1",
        "--loglevel",
        "INFO",
        "--without-gossip",
        "--without-mingle",
    ]
    command += ["--max-tasks-per-child", str(TASKS_PER_CHILD[role])]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell, our own command


def _take_name(scratch: Path, name: str) -> None:
    """Lock the name for as long as this process lives, through exec: its scratch folder is about to be emptied."""
    scratch.mkdir(parents=True, exist_ok=True)
    lock = os.open(scratch / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        sentence = f"A worker {name} runs here already; give this one another --name."
        raise UsageError("name_taken", sentence) from error
    os.set_inheritable(lock, True)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _setup_logging(**_: Any) -> None:
    log.setup()


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _die_with_parent(**_: Any) -> None:
    """A killed parent must not leave a child that goes on training on the GPU."""
    die_with_parent(signal.SIGKILL)
    drain_flag(os.getppid()).unlink(missing_ok=True)


@signals.worker_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _clear_drain(**_: Any) -> None:
    drain_flag(os.getpid()).unlink(missing_ok=True)


@signals.worker_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _enter(sender: Any, **_: Any) -> None:
    """Before its child says what it holds. Without its row a worker draws as well, only what others do not get."""
    if settings().private_queue not in sender.app.amqp.queues.consume_from:
        return
    try:
        workers.enter()
    except SQLAlchemyError as error:
        logger.warning("cannot say that this worker lives; trying again", error=str(error))
    threading.Thread(target=workers.keep_renewing, args=(_left,), name="worker-row", daemon=True).start()


def leave_row() -> None:
    """Nobody sends to this worker alone any more, and what was sent goes to the others."""
    if not settings().private_queue:
        return
    _left.set()
    for step in (workers.leave, partial(private_queues.empty, settings().private_queue)):
        try:
            step()
        except (SQLAlchemyError, broker.BrokerAway) as error:
            logger.warning("private queue not given back; the sweeper will", error=str(error))


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _drain_on_sigterm(**_: Any) -> None:
    """Celery's own handler stays the one that leaves; ours comes first."""
    leave = signal.getsignal(signal.SIGTERM)
    if callable(leave):
        signal.signal(signal.SIGTERM, _Drain(leave))


class _Drain:
    """SIGTERM: the child is told to give its stage back, and the worker leaves as soon as it did.

    Celery has a soft shutdown of its own, but its signal comes when that is over, and it always sleeps to its end.
    """

    def __init__(self, leave: Callable[..., Any]) -> None:
        self._leave = leave
        self._draining = False

    def __call__(self, *given: Any) -> None:
        if self._draining:
            return
        self._draining = True
        # Within a signal nobody may wait for a lock that the interrupted work holds.
        threading.Thread(target=leave_row, name="leave-row", daemon=True).start()
        try:
            if state.active_requests:
                _raise_flag()
                await_given_back()
        except OSError as error:  # a full disk: the lease will run out
            logger.error("the stage cannot be told to go back", error=str(error))
        finally:
            self._leave(*given)


def _raise_flag() -> None:
    flag = drain_flag(os.getpid())
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.touch()
    logger.info("told to leave; the stage goes back", seconds=settings().drain_seconds)


def await_given_back() -> bool:
    """Until this worker holds no stage, for `drain_seconds` at most; False when it still does."""
    until = time.monotonic() + settings().drain_seconds
    while time.monotonic() < until:
        try:
            if not claims.held_by(settings().worker_name):
                return True
        except SQLAlchemyError as error:
            logger.warning("no database to ask whether the stage went back", error=str(error))
        time.sleep(LOOK_SECONDS)
    return False


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _drained(**_: Any) -> None:
    drain_flag(os.getpid()).unlink(missing_ok=True)
    leave_row()
