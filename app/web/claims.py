"""Something was wrong with what came: one page to say it, with one photo, and to see what was answered.

For the order's owner, or by the link of its collect page: whoever collected it sees what is wrong, and the money goes
back the way it was paid all the same. A plain form: it works without script, and what is refused is shown again.
"""

from dataclasses import dataclass

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.db.pages import claims as pages
from app.db.pages.orders import OrderPage
from app.domain.claims import LONGEST_WORDS, NEEDS_PHOTO, ClaimKind, ClaimKindUnknown, ClaimLineUnknown, Wish
from app.domain.errors import DomainError, NotFound
from app.domain.pricing import read_count
from app.domain.roles import Role
from app.media.photo import PhotoTooLarge, PhotoUnreadable
from app.use_cases.claims.make_claim import make_claim
from app.web import words
from app.web.access import serves_everybody, serves_signed_in
from app.web.choice import BY_LINK
from app.web.collect import linked_order
from app.web.orders import own_order
from app.web.parts import civil_now, parts, read, signed_in, visitor, write
from app.web.uploads import photo_sent, takes_photo
from locker_protocol.ids import random_id

blueprint = Blueprint("claims", __name__, url_prefix="/<lang_code>")

LONGEST_KEY = 64
SEES_ALL = frozenset({Role.OPERATOR, Role.ADMIN})

Answer = str | tuple[str, int] | AnyResponse


@dataclass(frozen=True, slots=True)
class Where:
    """Whose order it is about, the page's own address, and the way back."""

    page: OrderPage
    url: str
    back_url: str
    link: str = ""


@blueprint.get("/orders/<order_id>/claim")
@serves_signed_in()
def claim_page(order_id: str) -> str:
    """Ask what is wrong with one's own order."""
    return _show(_own(order_id))


@blueprint.post("/orders/<order_id>/claim")
@serves_signed_in()
@takes_photo
def claim(order_id: str) -> Answer:
    """Take it in."""
    return _take(_own(order_id))


@blueprint.get("/c/<link>/claim")
@serves_everybody()
def linked_page(link: str) -> str:
    """Ask whoever holds the collect link. Raises NotFound, LinkExpired."""
    return _show(_linked(link))


@blueprint.post("/c/<link>/claim")
@serves_everybody()
@takes_photo
def linked_claim(link: str) -> Answer:
    """Take it in."""
    return _take(_linked(link))


@blueprint.get("/photos/claims/<claim_id>.jpg")
@serves_signed_in()
def claim_photo(claim_id: str) -> Response:
    """Give a claim's photo to its household, or to who answers it. Raises NotFound for another's."""
    person = signed_in()
    with read() as conn:
        found = pages.photo_of(conn, claim_id=claim_id, owner_id=None if person.role in SEES_ALL else person.id)
    if found is None:
        raise NotFound
    answer = Response(found, mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return answer


def _own(order_id: str) -> Where:
    back = url_for("orders.order_page", order_id=order_id)
    return Where(own_order(order_id), url_for(".claim_page", order_id=order_id), back)


def _linked(link: str) -> Where:
    back = url_for("collect.linked_page", link=link)
    return Where(linked_order(link), url_for(".linked_page", link=link), back, link)


def _take(where: Where) -> Answer:
    person = visitor()
    try:
        wish, line_no, jpeg = _read_form()
        with write() as conn:
            made = make_claim(
                conn,
                order_id=where.page.order.id,
                line_no=line_no,
                wish=wish,
                jpeg=jpeg,
                key=request.form.get("key", "")[:LONGEST_KEY] or random_id(),
                actor=f"person:{person.id}" if person else BY_LINK,
                now=civil_now(),
                settings=parts().settings,
            )
    except NotFound:
        raise
    except DomainError as refusal:
        return _show(where, refusal), refusal.status
    return redirect(f"{where.url}?done={made.claim_id}", 303)


def _read_form() -> tuple[Wish, int, bytes | None]:
    """What was typed. Raises ClaimLineUnknown, ClaimKindUnknown, CountUnreadable, PhotoUnreadable or PhotoTooLarge."""
    form = request.form
    if not (form.get("line", "").isdecimal() and len(form["line"]) < 5):
        raise ClaimLineUnknown(field="line")
    if form.get("kind") not in set(ClaimKind):
        raise ClaimKindUnknown(field="kind")
    quantity = read_count(form.get("quantity", ""), field="quantity")
    try:
        jpeg = photo_sent("photo")
    except (PhotoUnreadable, PhotoTooLarge) as refusal:
        refusal.facts = {**refusal.facts, "field": "photo"}
        raise
    said = " ".join(form.get("words", "").split())
    return Wish(ClaimKind(form["kind"]), quantity, photo=jpeg is not None, words=said), int(form["line"]), jpeg


def _show(where: Where, refusal: DomainError | None = None) -> str:
    order = where.page.order
    with read() as conn:
        found = pages.of_order(conn, order_id=order.id, site_id=order.site_id, now=civil_now())
    errors = {str(refusal.facts.get("field", "")): words.sentence(refusal)} if refusal else {}
    done = request.args.get("done", "")
    return render_template(
        "claim.html",
        where=where,
        order=order,
        found=found,
        done=next((each for each in found.claims if each.id == done), None),
        kinds=list(ClaimKind),
        needs_photo=NEEDS_PHOTO,
        typed=request.form or request.args,
        photo_again=refusal is not None and bool(request.files.get("photo")),
        errors=errors,
        key=random_id(),
        longest=LONGEST_WORDS,
    )
