"""The session in the signed cookie. Who brings none (a program, a provider) has an empty one, and no signer is made
ready for them, which took a fiftieth of an order's processor time.
"""

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface


class CookieSessions(SecureCookieSessionInterface):
    """Flask's own, but for those without a cookie."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the cookie, where there is one."""
        if self.get_cookie_name(app) not in request.cookies:
            return SecureCookieSession()
        return super().open_session(app, request)
