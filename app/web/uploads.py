"""Photos that pages take: which routes may be sent more than a form, and the photo itself, made small.

Decides before anything reads the form; all other routes keep the small limit.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, current_app, request

from app.media.photo import LARGEST_IN_BYTES, reencode

View = TypeVar("View", bound=Callable[..., object])

TAKES_PHOTO = "_takes_photo"
FIELDS_BYTES = 256 * 1024  # what else stands in the form
# A photo a little too large is read whole, so that its form can be shown again with a sentence.
MARGIN_BYTES = 4 * 1024 * 1024


def takes_photo(view: View) -> View:
    """Let this view's form hold a photo."""
    setattr(view, TAKES_PHOTO, True)
    return view


def photo_sent(field: str) -> bytes | None:
    """The photo in this field of the form as a small JPEG; `None` when none was chosen.

    Raises PhotoUnreadable or PhotoTooLarge.
    """
    file = request.files.get(field)
    data = file.read() if file is not None else b""
    return reencode(data) if data else None


def register(app: Flask) -> None:
    """Raise the limit where a photo is taken, before any other hook reads the form. Call it after those."""
    app.before_request_funcs.setdefault(None, []).insert(0, _raise_limit)


def _raise_limit() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, TAKES_PHOTO, False):
        request.max_content_length = LARGEST_IN_BYTES + MARGIN_BYTES + FIELDS_BYTES
