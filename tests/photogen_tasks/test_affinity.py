"""A job goes to who holds its subject or base model, while he is near and alive; else to whoever is free."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from photogen_tasks import affinity, claims, db, pipeline, queues
from photogen_tasks.celery import app
from photogen_tasks.models import StageRow
from photogen_tasks.params import JobParams
from photogen_tasks.stages import JobKind, Stage, Status
from tests.conftest import forget, forget_broker
from tests.photogen_tasks.conftest import Customer, make_customer
from tests.photogen_tasks.drawing import drawing, trained, waiting, worker_row
from tests.photogen_tasks.test_claims import commit

ODD = ["infer@host", "ünf er,1@host", "a/b*[c]?@host", "x\x06\x163@host", "%n@host", "w" * 120]


@pytest.fixture
def artist(sqlite: str, broker: str) -> Customer:
    """A customer on SQLite; the statement itself is tried on both databases."""
    return make_customer("customer")


def busy(customer: Customer, *workers: str) -> None:
    """Each of them draws something."""
    for worker in workers:
        job_id = drawing(customer, trained(customer))
        assert isinstance(claims.claim({"job": job_id, "epoch": 1}, Stage.GENERATE, worker), claims.Claim)


def chosen(customer: Customer, subject: str) -> str | None:
    return affinity.choose(drawing(customer, subject), 1)


def test_who_holds_the_subject_draws_it(customer: Customer, broker: str) -> None:
    subject = trained(customer)
    worker_row("one", trained(customer))
    holder = worker_row("two", trained(customer), subject)
    job = pipeline.submit(customer.tenant_id, JobParams(kind=JobKind.GENERATE), subject_id=subject)
    assert (waiting(holder), waiting("infer")) == (1, 0)
    assert affinity.choose(job.id, 1) is None  # he has it before him already, and another is free


def test_who_alone_holds_the_base_model_draws_it(artist: Customer) -> None:
    worker_row("one", base_model="another")
    holder = worker_row("two", base_model="sdxl")
    assert chosen(artist, trained(artist, "sdxl")) == holder
    assert chosen(artist, trained(artist, "a third")) is None


def test_where_all_hold_the_base_model_whoever_is_free_draws_it(artist: Customer) -> None:
    worker_row("one")
    worker_row("two")
    assert chosen(artist, trained(artist)) is None


def test_nobody_waits_for_a_busy_holder_while_another_is_free(artist: Customer) -> None:
    subject = trained(artist)
    worker_row("one", subject)
    worker_row("two")
    busy(artist, "one")
    assert chosen(artist, subject) is None


def test_when_all_are_busy_few_wait_for_the_holder(artist: Customer) -> None:
    subject = trained(artist)
    holder = worker_row("one", subject)
    worker_row("two")
    busy(artist, "one", "two")
    for _ in range(5):
        pipeline.send(drawing(artist, subject))
    assert (waiting(holder), waiting("infer")) == (affinity.MOST_WAITING, 5 - affinity.MOST_WAITING)


def test_when_all_are_busy_a_base_model_is_worth_a_private_queue_only_before_a_full_shared_one(
    artist: Customer,
) -> None:
    holder = worker_row("one", base_model="sdxl")
    worker_row("two")
    busy(artist, "one", "two")
    assert chosen(artist, trained(artist, "sdxl")) is None
    pipeline.send(drawing(artist, trained(artist)))
    pipeline.send(drawing(artist, trained(artist, "sdxl")))
    assert (waiting(holder), waiting("infer")) == (1, 1)
    assert chosen(artist, trained(artist, "sdxl")) is None


def test_a_silent_worker_is_sent_nothing(artist: Customer) -> None:
    subject = trained(artist)
    worker_row("one", subject, silent=91.0)
    assert chosen(artist, subject) is None


def test_a_chain_that_was_sent_again_waits_for_nobody(artist: Customer) -> None:
    subject = trained(artist)
    worker_row("one", subject)
    assert affinity.choose(drawing(artist, subject), 2) is None


def test_a_chain_that_goes_on_from_training_is_routed_too(artist: Customer) -> None:
    holder = worker_row("one")
    worker_row("two", base_model="another")
    job_id = artist.job()
    options = app.amqp.router.route({}, Stage.GENERATE.task, ({"job": job_id, "epoch": 1},), {})
    assert options["queue"].name == holder
    again = app.amqp.router.route({}, Stage.GENERATE.task, ({"job": job_id, "epoch": 2},), {})
    assert again["queue"].name == "infer"
    upscale = app.amqp.router.route({}, Stage.UPSCALE.task, ({"job": job_id, "epoch": 1},), {})
    assert upscale["queue"].name == "infer"
    assert app.amqp.router.route({}, Stage.GENERATE.task, (), {})["queue"].name == "infer"


def test_a_job_whose_first_stages_are_done_is_sent_to_the_holder(artist: Customer) -> None:
    holder = worker_row("one")
    worker_row("two", base_model="another")
    job_id = artist.job()
    for stage in (Stage.PREPROCESS, Stage.MATTE, Stage.TRAIN):
        claim = claims.claim({"job": job_id, "epoch": 1}, stage, "worker")
        assert isinstance(claim, claims.Claim)
        assert commit(claim)
    assert pipeline.send(job_id)
    assert waiting(holder) == 1


def test_another_tenants_subject_is_drawn_by_the_same_rule(artist: Customer) -> None:
    other = make_customer("other")
    subject = trained(other)
    holder = worker_row("one", trained(artist), subject)
    worker_row("two", trained(artist))
    assert chosen(other, subject) == holder


def test_without_a_database_the_roles_queue_will_do(artist: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = trained(artist)
    worker_row("one", subject)
    job_id = drawing(artist, subject)
    monkeypatch.setenv("PHOTOGEN_DATABASE_URL", "postgresql://photogen@127.0.0.1:1/none")
    forget()
    assert affinity.choose(job_id, 1) is None
    sent = app.amqp.router.route({}, Stage.GENERATE.task, ({"job": job_id, "epoch": 1},), {})
    assert sent["queue"].name == "infer"


def test_without_a_broker_nobody_is_chosen(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    forget_broker()
    customer = make_customer("customer")
    subject = trained(customer)
    worker_row("one", subject)
    assert chosen(customer, subject) is None


@pytest.mark.parametrize("name", ODD)
def test_any_name_of_a_worker_makes_a_queue(artist: Customer, name: str) -> None:
    subject = trained(artist)
    queue = worker_row(name, subject)
    assert queue.isascii()
    assert not set(queue) & set(" ,*?[]/%\x06")
    assert len(queue) <= 160
    assert pipeline.send(drawing(artist, subject))
    with app.connection_for_read() as connection, connection.SimpleQueue(queues.private(queue)) as taken:
        message = taken.get(timeout=5)
        assert message.headers["task"] == Stage.GENERATE.task
        message.ack()


def test_different_workers_never_share_a_queue() -> None:
    names = [*ODD, "a b@host", "a_b@host", "a,b@host", "w" * 119]
    assert len({queues.private_name(name) for name in names}) == len(names)


def test_a_queue_that_nobody_made_is_still_refused(artist: Customer) -> None:
    with pytest.raises(Exception, match="missing from task_queues"):
        app.send_task(Stage.GENERATE.task, args=({"job": "j", "epoch": 1},), queue="infre")


def test_a_stage_that_ended_leaves_its_worker_free(artist: Customer) -> None:
    subject = trained(artist)
    holder = worker_row("one", subject)
    worker_row("two")
    busy(artist, "one")
    with db.session_scope() as session:
        session.execute(update(StageRow).values(status=Status.SUCCEEDED))
    assert chosen(artist, subject) == holder
