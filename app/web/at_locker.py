"""What the code printed on a column opens on somebody's own phone, and the page that prints those codes.

Whoever is known here, signed in or by a link they opened before, opens their doors with one tap; it is the collect
page's opening and no other. Everybody else is told how a locker is opened. The printed code gives no right and names
nobody.
"""

from dataclasses import dataclass

import segno
from flask import Blueprint, redirect, render_template, url_for
from flask_babel import force_locale, gettext
from sqlalchemy import Row
from werkzeug.wrappers import Response

from app.db.pages import at_locker as pages
from app.db.pages.at_locker import LiveOrder
from app.domain.column_code import ColumnPlace, read_column_code, write_column_code
from app.domain.errors import NotFound
from app.domain.order_state import OrderState
from app.domain.roles import Role
from app.web.access import serves, serves_everybody
from app.web.known_links import known_orders
from app.web.parts import parts, read, visitor

blueprint = Blueprint("at_locker", __name__)


@dataclass(frozen=True, slots=True)
class Here:
    """An order as seen from where somebody stands, and how this browser came by it: as its owner, or by its link.

    `place`: `ready` here, `shut` here for the sake of safety, ready `elsewhere`, or not here `yet`.
    """

    place: str
    live: LiveOrder
    link: str | None

    @property
    def open_url(self) -> str:
        """Where its doors are asked for."""
        if self.link:
            return url_for("collect.linked_open", link=self.link)
        return url_for("collect.open_own", order_id=self.live.order.id)

    @property
    def code_url(self) -> str:
        """Its collect page."""
        if self.link:
            return url_for("collect.linked_page", link=self.link)
        return url_for("collect.collect_page", order_id=self.live.order.id)


@blueprint.get("/at/<code>")
@serves_everybody()
def printed(code: str) -> Response:
    """Go on in the language of whoever scanned it; what is printed knows none."""
    return redirect(url_for(".here_page", code=code))


@blueprint.get("/<lang_code>/at/<code>")
@serves_everybody()
def here_page(code: str) -> str:
    """Show what somebody in front of this column can do. Raises NotFound."""
    place = read_column_code(parts().settings.secret_key, code)
    person, known = visitor(), known_orders()
    with read() as conn:
        column = pages.column_here(conn, locker_id=place.locker_id, column_no=place.column_no)
        live = pages.live_orders(conn, person_id=person.id if person else None, order_ids=list(known))
    if column is None:
        raise NotFound(what="column")
    orders = [_seen_from(column.site_id, one, known.get(one.order.id)) for one in live]
    return render_template("at_locker.html", column=column, orders=orders)


@blueprint.get("/<lang_code>/ops/sites/<site_id>/column-codes")
@serves(Role.OPERATOR)
def codes_page(site_id: str) -> str:
    """Show the codes of a site's columns, ready to print at 60 by 40 mm. Raises NotFound."""
    with read() as conn:
        found = pages.columns_of(conn, site_id=site_id)
    if found is None:
        raise NotFound(what="site")
    site, columns = found
    return render_template("staff/column_codes.html", site=site, columns=columns, code_qr=code_qr, says=_says())


def code_qr(column: Row[tuple[object, ...]]) -> str:
    """Draw a column's code as an inline SVG. A scratched one must still be read: level Q."""
    code = write_column_code(parts().settings.secret_key, ColumnPlace(column.id, column.column_no))
    drawn = segno.make(parts().settings.public_url.rstrip("/") + url_for(".printed", code=code), error="q", micro=False)
    return str(drawn.svg_inline(border=4, omitsize=True, svgclass="label-qr", lineclass=None))


def _seen_from(site_id: str, live: LiveOrder, link: str | None) -> Here:
    if live.order.state != OrderState.READY:
        return Here("yet", live, link)
    if live.order.site_id != site_id:
        return Here("elsewhere", live, link)
    return Here("ready" if live.parcels else "shut", live, link)


def _says() -> list[tuple[str, str]]:
    """What stands on paper, in both languages: nobody knows who will read it."""
    said: list[tuple[str, str]] = []
    for language, locale in (("zh-Hans", "zh_Hans"), ("en", "en")):
        with force_locale(locale):
            said.append((language, gettext("Scan to open your doors")))
    return said
