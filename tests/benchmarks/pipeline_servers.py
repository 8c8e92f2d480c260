"""What the pipeline's benchmark runs on: Redis, PostgreSQL, the sweeper, and three workers for each side.

Redis is the product's own embedded one. It starts and stops; nothing here is measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import redis

from photogen_tasks import local
from photogen_tasks.config import Settings
from photogen_tasks.queues import private_name
from photogen_tasks.stages import Role
from tests import conftest
from tests.benchmarks import pipeline_stamps

SERVED = [0, 3, 6]  # the workers' priorities on Redis; what is sent below them waits in the same queue, for good
SIDES = {"ours": "tests.benchmarks.pipeline_stages", "raw": "tests.benchmarks.pipeline_raw"}
ROLES = (Role.CPU, Role.TRAIN, Role.INFER)
START_SECONDS = 180.0  # six cold imports on two cores


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[dict[str, str], int]]:
    """The embedded server with its append-only file: the environment that the product needs, and the process id."""
    config = Settings(data_dir=folder, redis_port=conftest.free_port())
    with conftest.running(local.redis_command(config)) as process:
        environment = {
            name: value for name, value in local.environment(config).items() if os.environ.get(name) != value
        }
        # Both sides as the operator: the peer's keys have a prefix that the product's user may not touch.
        environment["PHOTOGEN_BROKER_URL"] = local.operator_url(config)
        conftest.await_true(lambda: _answers(environment["PHOTOGEN_BROKER_URL"]), "Redis")
        yield environment, process.pid


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


@contextmanager
def postgres_server(*, durable: bool) -> Iterator[tuple[str, int]]:
    """A PostgreSQL of this run's own; `durable`: commits wait for the disk. Its URL and process id."""
    where = conftest._postgres_binaries()
    folder = Path("/tmp") / f"photogen-pipeline-{os.getpid()}"
    folder.mkdir(mode=0o700)
    as_user: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses root
        shutil.chown(folder, "nobody")
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    port = str(conftest.free_port())
    initdb = [*as_user, str(where / "initdb"), "-D", str(folder / "data"), "-U", "photogen", "-A", "trust", "-N"]
    subprocess.run(initdb, check=True, capture_output=True)
    serve = [*as_user, str(where / "postgres"), "-D", str(folder / "data"), "-p", port, "-k", str(folder)]
    url = f"postgresql://photogen@127.0.0.1:{port}/postgres"
    try:
        with conftest.running([*serve, "-c", f"fsync={'on' if durable else 'off'}"]) as process:
            conftest.await_true(lambda: _accepts(url), "PostgreSQL")
            yield url, process.pid
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _accepts(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def workers(side: str, folder: Path, **told: str) -> Iterator[list[int]]:
    """One worker per role, one child each, none ever replaced by a fresh one; their process ids, once they listen.

    They inherit this process's environment, with what they are `told` beside.
    """
    stamps = folder / "stamps" / side
    stamps.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        started = []
        for role in ROLES:
            node = f"{side}-{role}@bench"
            mine = {"PHOTOGEN_WORKER_NAME": node, pipeline_stamps.VARIABLE: str(stamps)} | told
            queues = role.value
            if side == "ours" and role is Role.INFER:  # as `photogen worker` starts it
                mine["PHOTOGEN_PRIVATE_QUEUE"] = private_name(node)
                queues = f"{queues},{private_name(node)}"
            command = [sys.executable, "-m", "celery", "-A", SIDES[side], "worker", "-Q", queues, "-n", node]
            command += ["-c", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
            log = folder / f"{side}-{role}.log"
            log.unlink(missing_ok=True)
            started.append(stack.enter_context(conftest.running(command, os.environ | mine, log)).pid)
        logs = [folder / f"{side}-{role}.log" for role in ROLES]
        conftest.await_true(
            lambda: all("ready." in log.read_text() for log in logs), f"the workers of {side}", START_SECONDS
        )
        yield started


@contextmanager
def sweeper(folder: Path) -> Iterator[int]:
    """The product's sweeper; its process id."""
    command = [sys.executable, "-m", "photogen_tasks.cli", "sweeper"]
    with conftest.running(command, dict(os.environ), folder / "sweeper.log") as process:
        yield process.pid
