"""Deadlines: each duty at its pace, one that fails holds up no other."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from app.deadlines import Deadlines, Telling, channel_of
from app.factory import Parts, make_parts
from app.notify.channel import ByContact, DevInbox
from app.notify.mail import MailChannel
from app.notify.sms import SmsChannel
from app.settings import SettingsError
from tests.link.world import START, add_order, add_person, add_run, add_site, make_settings, one


@pytest.fixture
def parts(db: Engine) -> Iterator[Parts]:
    made = make_parts(make_settings(db.url.render_as_string(hide_password=False)))
    yield made
    made.engine.dispose()


def test_a_hold_that_ended_is_released_and_a_notice_goes_out(parts: Parts, db: Engine) -> None:
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
        add_order(conn, "o1", run=add_run(conn), state="awaiting_payment", parcels=[])
        conn.execute(text("UPDATE pickup_window SET orders_taken = 1"))
        conn.execute(
            text(
                "INSERT INTO notification (id, contact, kind, language, subject, body, made_at, next_try_at)"
                " VALUES ('n1', 'a@example.org', 'order_paid', 'en', '', '', :at, :at)"
            ),
            {"at": START},
        )
        conn.execute(text("UPDATE customer_order SET hold_until = now() - interval '1 hour'"))
        conn.execute(text("UPDATE notification SET next_try_at = now() - interval '1 hour'"))
    Deadlines(parts).turn(0)
    Telling(parts).turn()
    assert one(db, "SELECT state FROM customer_order") == "released"
    assert one(db, "SELECT count(*) FROM notification WHERE sent_at IS NOT NULL") == 1


def test_food_past_its_time_in_a_cold_bag_is_discarded(parts: Parts, db: Engine) -> None:
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
        (parcel,) = add_order(conn, "o1", run=add_run(conn), state="ready", parcels=["loaded"])
        conn.execute(
            text("UPDATE parcel SET state = 'rescued', keep_until = now() - interval '1 minute' WHERE id = :id"),
            {"id": parcel},
        )
    Deadlines(parts).turn(0)
    assert one(db, "SELECT state FROM parcel") == "disposed"


def test_an_opening_nobody_confirmed_in_time_expires(parts: Parts, db: Engine) -> None:
    with db.begin() as conn:
        add_site(conn)
        add_person(conn)
        conn.execute(
            text(
                'INSERT INTO remote_command (id, gateway_id, kind, doors, "right", person_id, reason, asked_at,'
                " not_after, hold_state, hold_until) SELECT 'c1', id, 'open', '{1}', 'staff', 'person-a', 'stuck',"
                " past, past, 'waiting', past FROM gateway, (SELECT now() - interval '1 hour' AS past) AS clock"
            )
        )
    Deadlines(parts).turn(0)
    assert one(db, "SELECT hold_state FROM remote_command") == "expired"
    assert one(db, "SELECT act FROM audit") == "opening_expired"


def test_each_duty_waits_for_its_time(parts: Parts) -> None:
    deadlines = Deadlines(parts)
    done: list[str] = []

    def noting(name: str) -> int:
        done.append(name)
        return 0

    for duty in deadlines._duties:
        duty.work = partial(noting, duty.name)
    deadlines.turn(0)
    deadlines.turn(500)
    deadlines.turn(1_000)
    deadlines.turn(5_000)
    assert (done.count("release_holds"), done.count("poll_payments"), done.count("open_runs")) == (3, 2, 1)


def test_a_busy_database_postpones_one_duty_and_the_next_is_done(parts: Parts) -> None:
    deadlines = Deadlines(parts)
    done: list[str] = []

    def busy() -> int:
        raise OperationalError("SELECT 1", {}, Exception("lock timeout"))

    def next_one() -> int:
        done.append("next")
        return 1

    deadlines._duties[0].work = busy
    deadlines._duties[1].work = next_one
    deadlines.turn(0)
    assert done == ["next"]


def test_notices_go_out_where_a_provider_is_set_and_to_the_inbox_page_elsewhere(parts: Parts, tmp_path: Path) -> None:
    assert isinstance(channel_of(parts.settings), DevInbox)
    file = tmp_path / "sms.toml"
    file.write_text('url = "https://x.example"\nbody = {to = "{contact}", text = "{text}"}\nsuccess = {}\n')
    settings = replace(parts.settings, smtp_url="smtp://localhost", sms_file=file)
    both = channel_of(settings)
    assert isinstance(both, ByContact)
    assert isinstance(both._mail, MailChannel)
    assert isinstance(both._text, SmsChannel)


def test_a_worker_does_not_start_with_a_provider_nobody_can_read(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        channel_of(replace(parts.settings, sms_file=tmp_path / "missing.toml"))
