"""Who somebody without an account is: an id and a token that this browser holds before its first form leaves it.

So a form sent twice, the second before the first one's answer came, is still one guest's. Decides nothing about what a
guest may do; nothing is in the database before they order.
"""

from flask import session

from app.use_cases.ordering.admit_guest import GuestSeed
from app.use_cases.people.sign_in import TOKEN_BYTES
from app.web.parts import civil_now, visitor
from locker_protocol.ids import new_id, random_bytes


def seed() -> GuestSeed:
    """The guest this browser is, or will be."""
    person = visitor()
    if person is not None:
        return GuestSeed(person.id, session["token"])
    if "guest" not in session:
        guest_id = new_id(round(civil_now().timestamp() * 1000))
        session["guest"] = {"id": guest_id, "token": random_bytes(TOKEN_BYTES).hex()}
        session.permanent = True
    return GuestSeed(**session["guest"])


def begin(who: GuestSeed) -> None:
    """They have ordered: from now on this browser is theirs."""
    session["token"] = who.token
    session.pop("guest", None)
