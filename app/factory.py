"""Where the order service is wired: the one place that knows every room."""

import os
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import Engine

from app.db.engine import make_engine
from app.log import configure_logging
from app.payments.provider import PaymentProvider
from app.payments.sandbox import SandboxProvider
from app.payments.stripe_provider import StripeProvider
from app.settings import Settings, settings_from
from app.web import register_web
from app.web.cookie_session import CookieSessions
from locker_protocol.clock import Clock, DemoClock, RealClock


@dataclass(frozen=True, slots=True)
class Parts:
    """What the rooms of the service share. `app.extensions["caibox"]` in Flask."""

    settings: Settings
    engine: Engine
    clock: Clock
    provider: PaymentProvider


def make_parts(settings: Settings) -> Parts:
    """Build the shared parts of web and worker."""
    clock: Clock = DemoClock(settings.clock_file) if settings.clock_file else RealClock()
    engine = make_engine(settings.database_url)
    return Parts(settings, engine, clock, _provider(engine, clock, settings))


def _provider(engine: Engine, clock: Clock, settings: Settings) -> PaymentProvider:
    return StripeProvider(settings.stripe) if settings.stripe else SandboxProvider(engine, clock, settings)


def create_app(settings: Settings | None = None) -> Flask:
    """Build the web program. Raises SettingsError when the environment is incomplete."""
    settings = settings or settings_from(os.environ)
    configure_logging("web")
    app = Flask("app.web")
    app.session_interface = CookieSessions()
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=256 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        SESSION_COOKIE_NAME="caibox",
        # Else every answer sends the whole session again, and a slow one puts back the basket of a moment ago.
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.public_url.startswith("https://"),
    )
    app.extensions["caibox"] = make_parts(settings)
    register_web(app)
    return app
