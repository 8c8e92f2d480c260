"""Redis, PostgreSQL and S3 as processes that can be killed and started again on the data they left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import boto3
import psycopg
import redis
from botocore.exceptions import BotoCoreError, ClientError

from photogen_tasks import broker_acl, local
from photogen_tasks.config import Settings
from tests.chaos.parts import Part
from tests.chaos.waiting import wait_for
from tests.conftest import S3_CREDENTIALS, _postgres_binaries, free_port

BUCKET = "photogen"
ANSWER_SECONDS = 30  # on a busy machine
READERS = 4  # requests at a time when many objects are read


class Redis:
    """A real server with its append-only file on, as `photogen up` starts it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = Settings(data_dir=folder, redis_port=self.port)
        self._files = folder / "redis" / "appendonlydir"
        self.part = Part("redis", local.redis_command(self._config), folder / "redis.log")

    def url(self, port: int) -> str:
        """The broker's URL for the product's user through this port: the server's own, or a proxy's."""
        return local.broker_url(self._config.model_copy(update={"redis_port": port}))

    def client(self) -> redis.Redis:
        """As the operator, who may do all, past the proxy."""
        return redis.Redis.from_url(local.operator_url(self._config), socket_timeout=ANSWER_SECONDS)

    def answers(self) -> bool:
        with suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def start(self) -> None:
        self.part.start()
        wait_for(self.answers, "Redis")

    def kill(self) -> None:
        self.part.kill()

    def forbid_writing(self) -> None:
        """The product's user may do nothing any more that changes a key."""
        self._set_user("-@write")

    def allow_writing(self) -> None:
        """As at the start."""
        self._set_user("-@all", *broker_acl.RULE.split())

    def _set_user(self, *rules: str) -> None:
        with self.client() as client:
            client.execute_command("ACL", "SETUSER", broker_acl.USER, *rules)

    def wipe(self) -> None:
        """Everything that Redis knew is gone for good."""
        self.kill()
        shutil.rmtree(self._files, ignore_errors=True)
        self.start()


class Postgres:
    """A real server with a data folder of its own; fsync is off, for processes die here and machines do not."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._bin = _postgres_binaries()
        self._as_user: list[str] = []
        self._kept: psycopg.Connection[tuple[object, ...]] | None = None
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700)
        if os.getuid() == 0:  # PostgreSQL refuses root
            shutil.chown(folder, "nobody")
            self._as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=QUIT"]
        self._run("initdb", "-U", "photogen", "-A", "trust", "-N")
        options = ["-p", str(self.port), "-k", str(folder), "-c", "fsync=off", "-c", "max_connections=200"]
        serve = [*self._as_user, str(self._bin / "postgres"), "-D", str(folder / "data"), *options]
        self.part = Part("postgres", serve, folder.parent / "postgres.log")

    def _run(self, program: str, *options: str) -> None:
        command = [*self._as_user, str(self._bin / program), "-D", str(self._folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True)

    def url(self, port: int) -> str:
        return f"postgresql://photogen@127.0.0.1:{port}/postgres"

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(self.port), connect_timeout=ANSWER_SECONDS, autocommit=True)

    def ask(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows over one connection that is kept for who asks again and again. Raises psycopg.Error while it is away."""
        with self._lock:
            try:
                self._kept = self._kept or self.connect()
                return self._kept.execute(query.encode(), parameters).fetchall()
            except psycopg.Error:
                self._hang_up()
                raise

    def _hang_up(self) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def answers(self) -> bool:
        with suppress(psycopg.Error):
            self.connect().close()
            return True
        return False

    def start(self) -> None:
        self.part.start()
        wait_for(self.answers, "PostgreSQL")

    def crash(self) -> None:
        """As after a power cut: connections torn, recovery from the log at the next start."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")
        self.part.kill()

    def crash_and_start(self) -> None:
        self.crash()
        self.start()

    def stop(self) -> None:
        """For good."""
        with self._lock:
            self._hang_up()
        self.part.kill()


class S3:
    """A server that speaks S3 and checks signatures. What it holds is in its memory: it is never killed."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        own = {"GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1", "AUTH": "true"}
        environment = os.environ | S3_CREDENTIALS | own
        self.part = Part("s3", [sys.executable, "-m", "ministack"], folder / "s3.log", environment)
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=S3_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=S3_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def start(self) -> None:
        self.part.start()
        wait_for(self._answers, "the S3 server")

    def _answers(self) -> bool:
        with suppress(BotoCoreError, ClientError):
            self.client.create_bucket(Bucket=BUCKET)
            return True
        return False

    def keys(self, prefix: str) -> list[str]:
        return list(self.digests(prefix))

    def digests(self, prefix: str) -> dict[str, str]:
        """MD5 of the bytes by key, as the server lists them."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", ())}

    def read(self, key: str) -> bytes | None:
        """The object's bytes; None when it is not there."""
        with suppress(self.client.exceptions.NoSuchKey):
            return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        return None

    def read_all(self, keys: Sequence[str]) -> dict[str, bytes | None]:
        """Many objects, some at a time."""
        with ThreadPoolExecutor(READERS) as pool:
            return dict(zip(keys, pool.map(self.read, keys), strict=True))
