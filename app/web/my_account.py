"""A person's own account: what we know of them, taking it with them, and ending it. Nobody sees another's."""

from flask import Blueprint, Response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.db.pages import my_data
from app.domain.display_name import MOST_CHARACTERS
from app.domain.erasing import NotSure
from app.domain.errors import DomainError, NotFound
from app.media.archive import pack_archive
from app.use_cases.people.change_name import change_name
from app.use_cases.people.erase_account import erase_account
from app.use_cases.people.export_account import export_account
from app.web import words
from app.web.access import serves_everybody, serves_signed_in
from app.web.parts import civil_now, read, signed_in, write

blueprint = Blueprint("my_account", __name__, url_prefix="/<lang_code>/account")


@blueprint.get("")
@serves_signed_in()
def account_page() -> str:
    """Show what we know of whoever asks."""
    return _show(saved=request.args.get("saved") == "1")


@blueprint.post("/name")
@serves_signed_in()
def keep_name() -> AnyResponse | tuple[str, int]:
    """Keep another name; one that cannot be kept is asked for again."""
    name = request.form.get("name", "")
    try:
        with write() as conn:
            change_name(conn, person_id=signed_in().id, name=name)
    except NotFound:
        raise
    except DomainError as refusal:
        return _show(name=name, errors={"name": words.sentence(refusal)}), refusal.status
    return redirect(url_for("my_account.account_page", saved=1), 303)


@blueprint.post("/data.zip")
@serves_signed_in()
def take_data() -> Response:
    """Give everything we hold about them, as a file."""
    now = civil_now()
    with write() as conn:
        found = export_account(conn, person_id=signed_in().id, now=now)
    sections = [
        (
            one.section.key,
            (one.section.label.zh, one.section.label.en),
            {column: (label.zh, label.en) for column, label in one.section.columns.items()},
            [tuple(row) for row in one.rows],
        )
        for one in found.held
    ]
    answer = Response(pack_archive(sections, photos=found.photos, made_at=now), mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="caibox-{now:%Y-%m-%d}.zip"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/erase")
@serves_signed_in()
def erase_page() -> str:
    """Say what is erased, what stays and why, and ask whether they are sure."""
    return _ask()


@blueprint.post("/erase")
@serves_signed_in()
def erase() -> AnyResponse | tuple[str, int]:
    """Erase the account, and end what this browser remembers of it."""
    try:
        if request.form.get("sure") != "yes":
            raise NotSure
        with write() as conn:
            erase_account(conn, person_id=signed_in().id, now=civil_now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _ask(words.sentence(refusal)), refusal.status
    session.clear()
    return redirect(url_for("my_account.erased_page"), 303)


@blueprint.get("/erased")
@serves_everybody()
def erased_page() -> str:
    """Say that it is done."""
    return render_template("account_erased.html")


def _show(*, saved: bool = False, name: str | None = None, errors: dict[str, str] | None = None) -> str:
    with read() as conn:
        me = my_data.me(conn, person_id=signed_in().id)
    if me is None:
        raise NotFound
    return render_template(
        "account.html",
        me=me,
        name=me.display_name if name is None else name,
        saved=saved,
        errors=errors or {},
        most=MOST_CHARACTERS,
    )


def _ask(error: str = "") -> str:
    with read() as conn:
        under_way = my_data.under_way(conn, person_id=signed_in().id)
    return render_template("account_erase.html", under_way=under_way, errors={"sure": error} if error else {})
