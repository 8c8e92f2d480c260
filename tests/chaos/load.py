"""Customers: upload, submit through the API with an Idempotency-Key, try again until taken; so many jobs at a time.

Who has to wait for a job asks PostgreSQL itself, past every fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import psycopg

from photogen_tasks.stages import TERMINAL
from tests.chaos.waiting import holds_within, wait_for
from tests.chaos.world import World

TRY_SECONDS = 600.0  # on a busy machine, under faults
ROOM_SECONDS = 1800.0
ANSWER_SECONDS = 30.0
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


class Customer:
    """One connection for many jobs: the product's own client opens one for each, and thousands of jobs are sent."""

    def __init__(self, world: World, book: Book) -> None:
        self._url, self._headers = f"http://127.0.0.1:{world.api_port}", world.headers()
        self._book = book
        self._http = httpx.Client(timeout=ANSWER_SECONDS)

    def submit(self, wanted: Order, key: str) -> str:
        """One job, asked for until the API takes it; the same key makes it one job however often it was asked for."""
        photos = self._insist(lambda: self._upload(wanted))
        body = {"photos": photos, "seed": wanted.seed}
        job = self._insist(lambda: self._post("/v1/jobs", body, {"Idempotency-Key": key}))
        self._book.orders[str(job["id"])] = wanted
        return str(job["id"])

    def _insist(self, ask: Callable[[], T]) -> T:
        answers: list[T] = []

        def answered() -> bool:
            began = time.monotonic()
            self._book.requests += 1
            try:
                answers.append(ask())
            except httpx.HTTPError:
                self._book.refused += 1
            self._book.slowest = max(self._book.slowest, time.monotonic() - began)
            return bool(answers)

        wait_for(answered, "the API to take a request", TRY_SECONDS, poll=0.3)
        return answers[0]

    def _upload(self, wanted: Order) -> list[str]:
        files = [{"filename": f"photo-{number}.jpg"} for number in range(len(wanted.photos))]
        links = self._post("/v1/uploads", {"files": files}, {})["uploads"]
        for link, photo in zip(links, wanted.photos, strict=True):
            _checked(self._http.post(link["url"], data=link["fields"], files={"file": photo}))
        return [link["photo"] for link in links]

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        return _checked(self._http.post(self._url + path, json=body, headers=self._headers | headers)).json()

    def leave(self) -> None:
        self._http.close()


def _checked(answer: httpx.Response) -> httpx.Response:
    """Raises HTTPError for what may be asked again, RuntimeError for what is refused."""
    if answer.is_client_error:
        raise RuntimeError(f"{answer.status_code} {answer.text}")
    return answer.raise_for_status()


def open_jobs(world: World) -> int | None:
    """How many jobs are not over; None while PostgreSQL is away."""
    over = [str(status) for status in TERMINAL]
    try:
        [[count]] = world.postgres.ask("select count(*) from jobs where status <> all(%s)", (over,))
    except psycopg.Error:
        return None
    return int(str(count))


def wait_until_over(world: World, seconds: float) -> bool:
    """Until no job is open; False when some still are after so many seconds."""
    return holds_within(lambda: open_jobs(world) == 0, seconds, poll=0.25)


class Load(threading.Thread):
    """Submits a job for each number in the background, never more than `in_flight` open at once."""

    def __init__(self, world: World, numbers: Iterable[int], seed: int, in_flight: int = IN_FLIGHT) -> None:
        super().__init__(name="load", daemon=True)
        self.book = Book()
        self.failures: list[str] = []
        self._world, self._seed, self._in_flight = world, seed, in_flight
        self._numbers = iter(numbers)
        self._lock = threading.Lock()

    def run(self) -> None:
        customers = [threading.Thread(target=self._customer, daemon=True) for _ in range(CUSTOMERS)]
        for customer in customers:
            customer.start()
        for customer in customers:
            customer.join()

    def _customer(self) -> None:
        customer = Customer(self._world, self.book)
        try:
            while (number := self._next()) is not None:
                customer.submit(order(self._seed, number), f"{self._seed}-{number}")
        except Exception as error:  # whatever it was, the others go on, and the run is told
            self.failures.append(f"a customer gave up: {error!r}")
        finally:
            customer.leave()

    def _next(self) -> int | None:
        with self._lock:
            wait_for(self._has_room, "a job to end", ROOM_SECONDS, poll=0.1)
            return next(self._numbers, None)

    def _has_room(self) -> bool:
        found = open_jobs(self._world)
        return found is not None and found < self._in_flight
