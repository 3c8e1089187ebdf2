"""People: staff are listed, residents are found and not shown, roles are administrators' to give."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import tables as t
from app.domain.roles import Role
from tests.web.staff_world import Day, day_at


@pytest.fixture
def day(db: Engine, tmp_path: Path) -> Iterator[Day]:
    with day_at(db, tmp_path) as made:
        yield made


def look(day: Day, path: str = "", role: Role = Role.OPERATOR) -> str:
    answer = day.client(role).get(f"/en/ops/people{path}")
    assert answer.status_code == 200
    return str(answer.text)


def person(day: Day, role: Role) -> Any:
    with day.engine.begin() as conn:
        return conn.execute(select(t.person).where(t.person.c.id == day.people[role])).one()


def test_staff_are_listed_and_a_resident_is_found_by_contact_or_name_without_showing_it_whole(day: Day) -> None:
    with day.engine.begin() as conn:
        conn.execute(update(t.person).where(t.person.c.id == day.people[Role.RESIDENT]).values(display_name="Mei"))
    resident = day.people[Role.RESIDENT]
    assert resident not in look(day)
    assert day.people[Role.DRIVER] in look(day)
    for q in ("13800000000", "%2B86+138-0000-0000", "mei"):
        found = look(day, f"?q={q}")
        assert resident in found
        assert "+86 •••• 0000" in found
    assert "13800000000" not in look(day, f"/{resident}")
    assert resident not in look(day, "?q=me")
    assert "Type at least 3 characters." in look(day, "?q=me")
    assert "Nobody of that name" in look(day, "?q=%25%25%25")


def test_an_administrator_gives_a_role_and_an_operator_cannot(day: Day) -> None:
    url = f"/en/ops/people/{day.people[Role.RESIDENT]}/role"
    assert day.client(Role.OPERATOR).post(url, data={"role": "driver"}).status_code == 403
    assert "Give this role" not in look(day, f"/{day.people[Role.RESIDENT]}")
    assert person(day, Role.RESIDENT).role == "resident"
    assert day.client(Role.ADMIN).post(url, data={"role": "driver"}).status_code == 303
    assert (person(day, Role.RESIDENT).role, person(day, Role.RESIDENT).staff_no) == ("driver", 6)
    assert "resident → driver" in look(day).replace("\n", "")
    assert day.client(Role.RESIDENT).get("/en/account").status_code in {302, 404}


def test_what_cannot_be_is_refused_in_words_and_changes_nothing(day: Day) -> None:
    admin = day.client(Role.ADMIN)
    own = admin.post(f"/en/ops/people/{day.people[Role.ADMIN]}/role", data={"role": "resident"})
    assert own.status_code == 403
    assert "Nobody changes their own role." in own.text
    wrong = admin.post(f"/en/ops/people/{day.people[Role.DRIVER]}/role", data={"role": "king"})
    assert wrong.status_code == 404
    nobody = admin.post("/en/ops/people/nobody/role", data={"role": "driver"})
    assert nobody.status_code == 404
    site = admin.post(f"/en/ops/people/{day.people[Role.DRIVER]}/site", data={"site_id": "sunny"})
    assert "Only keepers look after a site." in site.text
    assert person(day, Role.ADMIN).role == "admin"
    assert (person(day, Role.DRIVER).role, person(day, Role.DRIVER).site_id) == ("driver", None)


def test_a_keeper_gets_a_site(day: Day) -> None:
    url = f"/en/ops/people/{day.people[Role.KEEPER]}/site"
    assert day.client(Role.ADMIN).post(url, data={"site_id": "nowhere"}).status_code == 404
    assert day.client(Role.ADMIN).post(url, data={"site_id": "sunny"}).status_code == 303
    assert person(day, Role.KEEPER).site_id == "sunny"


def test_a_lost_phone_is_signed_out(day: Day) -> None:
    driver = day.client(Role.DRIVER)
    assert driver.get("/en/driver").status_code == 200
    assert day.client(Role.OPERATOR).post(f"/en/ops/people/{day.people[Role.DRIVER]}/sign-out").status_code == 303
    assert driver.get("/en/driver").status_code == 302
    assert "signed out everywhere" in look(day)
