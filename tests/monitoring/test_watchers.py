"""A watcher outlives what it watches; what it saw is shown only while it is fresh."""

from __future__ import annotations

from threading import Event

from monitoring.snapshots import STALE_SECONDS, Latest
from monitoring.watchers import Watch, Watcher


def test_old_sights_are_withheld() -> None:
    now = 0.0
    latest: Latest[str] = Latest("database", clock=lambda: now)
    assert latest.get() is None
    latest.put("rows")
    assert latest.get() == "rows"
    now = STALE_SECONDS + 1
    assert latest.get() is None
    assert latest.age == STALE_SECONDS + 1


def test_goes_on_after_a_failure() -> None:
    seen = Event()
    answers = iter([OSError("away"), "rows"])

    def look() -> str:
        answer = next(answers, "rows")
        if isinstance(answer, Exception):
            raise answer
        seen.set()
        return answer

    watcher = Watcher(Latest("database"), look, every=0.01)
    watcher.start()
    assert seen.wait(10)
    watcher.stop()
    assert watcher.latest.errors == 1


def test_names_what_it_cannot_see() -> None:
    watch = Watch()
    assert watch.stale() == ["database", "broker", "workers"]
