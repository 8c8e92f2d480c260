"""A whole Photogen of real processes in one folder: servers behind proxies, API, sweepers, four workers. No faults."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from photogen_tasks.client import Client
from photogen_tasks.queues import private_name
from photogen_tasks.stages import Role, Stage
from tests.chaos import audit
from tests.chaos.effects import Effects
from tests.chaos.parts import Keeper, Part
from tests.chaos.proxies import Proxies
from tests.chaos.servers import BUCKET, S3, Postgres, Redis
from tests.chaos.waiting import wait_for
from tests.conftest import S3_CREDENTIALS, free_port

ROOT = Path(__file__).resolve().parents[2]
CLI = [sys.executable, "-m", "photogen_tasks.cli"]
PREFIX = "chaos"
START_SECONDS = 300.0  # on a busy machine
# Trainings and the stages around them take about as long: nobody idles while faults fall.
WORKERS = {"front-1": "cpu,train", "front-2": "cpu,train", "infer-1": "infer", "infer-2": "infer"}
# As short as the machine allows: a fault costs a lease and a sweep, and hundreds of them fit into minutes.
SHORT = {
    "LEASE_SECONDS": "5",
    "HEARTBEAT_SECONDS": "1",
    "SWEEPER_SECONDS": "0.8",
    "PENDING_SECONDS": "4",
    "DRAIN_SECONDS": "6",
    "AFFINITY_SECONDS": "3",
    "LOG_FORMAT": "text",
}


@dataclass
class Plan:
    """What a world is made of."""

    sweepers: int = 2
    workers: dict[str, str] = field(default_factory=lambda: dict(WORKERS))
    settings: dict[str, str] = field(default_factory=dict)
    own: dict[str, dict[str, str]] = field(default_factory=dict)  # environment of single workers, by name
    tasks_per_child: int = 50  # after so many a worker starts a fresh child, which costs seconds


class World:
    """The running world: its servers, parts, effects and a customer's client."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.kept = False
        self._tasks_per_child = plan.tasks_per_child
        for name in ("armed", "once", "data", "tmp"):
            (folder / name).mkdir()
        self.folder = folder
        self.effects = Effects(folder / "effects.jsonl")
        self.redis = Redis(folder / "data")
        self.postgres = Postgres(folder / "pg")
        self.s3 = S3(folder)
        targets = {"redis": self.redis.port, "postgres": self.postgres.port, "s3": self.s3.port}
        self.proxies = Proxies(folder, targets)
        self.api_port = free_port()
        self.environment = self._environment(plan)
        self.sweepers = [self.cli(f"sweeper-{n + 1}", "sweeper") for n in range(plan.sweepers)]
        self.workers = {
            name: self.worker(name, queues, plan.own.get(name, {})) for name, queues in plan.workers.items()
        }
        self.api = self.cli("api", "api")
        self.keeper = Keeper([self.api, *self.sweepers, *self.workers.values()])
        self._key = ""

    def _environment(self, plan: Plan) -> dict[str, str]:
        ports = self.proxies.ports
        settings = SHORT | {
            "DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": self.postgres.url(ports["postgres"]),
            "BROKER_URL": self.redis.url(ports["redis"]),
            "STORAGE_URL": f"s3://{BUCKET}/{PREFIX}",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}",
            "API_PORT": str(self.api_port),
            "CHAOS_FOLDER": str(self.folder),
        }
        own = {name: value for name, value in os.environ.items() if not name.startswith("PHOTOGEN_")}
        path = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "REMAP_SIGTERM": "SIGQUIT"}
        path["TMPDIR"] = str(self.folder / "tmp")  # what killed workers leave there goes with the world
        chosen = {f"PHOTOGEN_{name}": value for name, value in (settings | plan.settings).items()}
        return own | S3_CREDENTIALS | path | chosen

    def cli(self, name: str, *words: str) -> Part:
        """A part that `photogen` runs."""
        return Part(name, [*CLI, *words], self.folder / f"{name}.log", self.environment)

    def worker(self, name: str, queues: str, changes: dict[str, str]) -> Part:
        """A Celery worker on these queues, with the flags of `photogen worker`."""
        node = f"{name}@chaos"
        alone = private_name(node) if queues == Role.INFER else ""
        queues = f"{queues},{alone}" if alone else queues
        command = [sys.executable, "-m", "celery", "-A", "tests.chaos.app", "worker", "-Q", queues, "-n", node]
        command += ["-c", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        command += ["--max-tasks-per-child", str(self._tasks_per_child)]
        own = {"PHOTOGEN_WORKER_NAME": node, "PHOTOGEN_WORK_DIR": str(self.work_dir(name))}
        own["PHOTOGEN_PRIVATE_QUEUE"] = alone
        return Part(name, command, self.folder / f"{name}.log", self.environment | own | changes)

    def work_dir(self, worker: str) -> Path:
        """The worker's scratch folder."""
        return self.folder / "work" / worker

    def start(self) -> None:
        """Servers, schema, triggers, key, parts; returns when the API answers and every worker listens."""
        for server in (self.redis, self.postgres, self.s3, self.proxies):
            server.start()
        self.run("migrate")
        audit.install(self.postgres.url(self.postgres.port))
        self._key = self.run("keys", "create", "chaos").split()[-1]
        self.keeper.start()
        wait_for(self.is_up, "API and workers", START_SECONDS)

    def run(self, *words: str) -> str:
        """A `photogen` command to its end; what it printed."""
        done = subprocess.run([*CLI, *words], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def is_up(self) -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{self.api_port}/readyz", timeout=2).raise_for_status()
        except httpx.HTTPError:
            return False
        return self.listening() >= set(self.workers)

    def listening(self) -> set[str]:
        """Workers that the broker knows."""
        with self.redis.client() as client:
            bound = client.smembers("photogen:_kombu.binding.celery.pidbox")
        assert isinstance(bound, set)
        return {name for name in self.workers if any(f"{name}@chaos".encode() in item for item in bound)}

    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.api_port}", self._key)

    def headers(self) -> dict[str, str]:
        """What a raw request to the API needs."""
        return {"Authorization": f"Bearer {self._key}"}

    def arm(self, job_id: str, stage: Stage, point: str, action: str, nth: int = 1) -> None:
        """Whoever takes a message of this job meets this failpoint, once."""
        (self.folder / "armed" / job_id).write_text(f"{stage}:{point}:{action}:{nth}")

    def fired(self, job_id: str) -> bool:
        return (self.folder / "once" / job_id).exists()

    def stop(self) -> None:
        """Everything ends, at once."""
        self.keeper.stop()
        for server in (self.proxies, self.redis, self.s3):
            server.part.kill()
        self.postgres.stop()
        self.s3.client.close()


@contextmanager
def running_world(plan: Plan | None = None) -> Iterator[World]:
    """A started world, gone to the last process at the end. Its folder stays when something was wrong in it."""
    folder = Path(tempfile.mkdtemp(prefix="photogen-chaos-", dir="/tmp"))
    folder.chmod(0o755)  # PostgreSQL's own user must get to its data
    world = World(folder, plan or Plan())
    try:
        world.start()
        yield world
    except BaseException:
        world.kept = True
        raise
    finally:
        world.stop()
        if world.kept:
            print(f"logs, effects and faults stay in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
