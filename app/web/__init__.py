"""The web: one blueprint a group of pages. Views read `db.pages` and write only through use cases."""

from importlib import import_module
from importlib.util import find_spec

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from app.web import access, language, problems
from app.web.live import Listener

PAGES = (
    "front",  # / and the choice of language
    "account",  # sign in, sign out
    "shop",  # sites, windows, browse, search, basket
    "checkout",  # place and pay
    "orders",  # a resident's orders and their timeline
    "collect",  # the code, the wall, the deadline
    "sandbox_pay",  # the sandbox provider's hosted page
    "payment_webhook",
    "picking",
    "driver",
    "ops",
    "inbox",  # the demo's mail and text messages
    "demo_clock",
    "streams",
    "health",
    "api",
)


def register_web(app: Flask) -> None:
    """Give the application its pages and the rules that hold on all of them."""
    CSRFProtect(app)
    language.register(app)
    access.guard(app)
    problems.register(app)
    app.extensions["caibox_listener"] = Listener(app.extensions["caibox"].settings.database_url)
    for page in PAGES:
        if find_spec(f"app.web.{page}") is None:  # until every page is there
            continue
        app.register_blueprint(import_module(f"app.web.{page}").blueprint)
