"""Customers: upload, submit through the API with an Idempotency-Key, try again until taken; so many jobs at a time.

Who has to wait for a job asks PostgreSQL itself, past every fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import httpx
import psycopg

from photogen_tasks.client import Client
from photogen_tasks.errors import TransientError
from photogen_tasks.stages import TERMINAL
from tests.chaos.waiting import holds_within, wait_for
from tests.chaos.world import World

TRY_SECONDS = 120.0
CUSTOMERS = 4  # who submit at the same time
IN_FLIGHT = 16  # jobs; a customer waits when there are more
T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """What one customer sent."""

    photos: list[bytes]
    seed: int


@dataclass
class Book:
    """Accepted jobs by id; the requests, those the API could not answer, and the slowest in seconds."""

    orders: dict[str, Order] = field(default_factory=dict)
    requests: int = 0
    refused: int = 0
    slowest: float = 0.0


def order(seed: int, number: int) -> Order:
    """The number-th customer of a run."""
    return Order([f"photo {seed} {number}".encode()], (seed * 100_003 + number) % 1_000_000)


def submit(world: World, wanted: Order, key: str, book: Book) -> str:
    """One job, asked for until the API takes it; the same key makes it one job however often it was asked for."""
    with world.client() as client:
        photos = _insist(book, lambda: _upload(client, wanted))
        job = _insist(book, lambda: client.submit(photos=photos, seed=wanted.seed, idempotency_key=key))
    book.orders[str(job["id"])] = wanted
    return str(job["id"])


def _insist(book: Book, ask: Callable[[], T]) -> T:
    answers: list[T] = []

    def answered() -> bool:
        began = time.monotonic()
        book.requests += 1
        try:
            answers.append(ask())
        except (httpx.HTTPError, TransientError):
            book.refused += 1
        book.slowest = max(book.slowest, time.monotonic() - began)
        return bool(answers)

    wait_for(answered, "the API to take a request", TRY_SECONDS, poll=0.3)
    return answers[0]


def _upload(client: Client, wanted: Order) -> list[str]:
    with TemporaryDirectory() as folder:
        files = []
        for number, photo in enumerate(wanted.photos):
            files.append(Path(folder) / f"photo-{number}.jpg")
            files[-1].write_bytes(photo)
        return client.upload(files)


def open_jobs(world: World) -> int | None:
    """How many jobs are not over; None while PostgreSQL is away."""
    try:
        with world.postgres.connect() as connection:
            over = [str(status) for status in TERMINAL]
            row = connection.execute("select count(*) from jobs where status <> all(%s)", (over,)).fetchone()
    except psycopg.Error:
        return None
    assert row is not None
    return int(str(row[0]))


def wait_until_over(world: World, seconds: float) -> bool:
    """Until no job is open; False when some still are after so many seconds."""
    return holds_within(lambda: open_jobs(world) == 0, seconds, poll=0.25)


class Load(threading.Thread):
    """Submits `count` jobs in the background, never more than `in_flight` open at once."""

    def __init__(self, world: World, count: int, seed: int, in_flight: int = IN_FLIGHT) -> None:
        super().__init__(name="load", daemon=True)
        self.book = Book()
        self.failed: BaseException | None = None
        self._world, self._seed, self._in_flight = world, seed, in_flight
        self._numbers = iter(range(count))
        self._lock = threading.Lock()

    def run(self) -> None:
        customers = [threading.Thread(target=self._customer, daemon=True) for _ in range(CUSTOMERS)]
        for customer in customers:
            customer.start()
        for customer in customers:
            customer.join()

    def _customer(self) -> None:
        try:
            while (number := self._next()) is not None:
                submit(self._world, order(self._seed, number), f"{self._seed}-{number}", self.book)
        except BaseException as error:
            self.failed = error

    def _next(self) -> int | None:
        with self._lock:
            wait_for(self._has_room, "a job to end", 600.0, poll=0.1)
            return next(self._numbers, None)

    def _has_room(self) -> bool:
        found = open_jobs(self._world)
        return found is not None and found < self._in_flight
