"""Mail by SMTP, with TLS wherever a password goes. It knows no phone numbers.

A mail whose fate is unknown (the connection broke after its text was sent) is sent again by the caller, with the same
Message-ID: two copies may arrive, none is lost, and most mailboxes show them once.
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.notify.channel import NO_TEXTS, Message, Unavailable

TIMEOUT_S = 10
PORTS = {"smtp": 25, "smtps": 465}
# 5xx replies will not change by themselves; 4xx say "later" (RFC 5321 §4.2.1).
FIRST_PERMANENT_REPLY = 500
# Where nobody can listen between.
HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class MailChannel:
    """Sends through `smtp[s]://[user:password@]host[:port]?from=address[&ca=file]`.

    `smtp` uses STARTTLS where it is offered, and refuses to give a password without it. Certificates are verified, by
    the machine's authorities or those in `ca`.
    """

    keeps_text = False

    def __init__(self, url: str) -> None:
        self._server: SplitResult = urlsplit(url)
        asked = parse_qs(self._server.query)
        self._sender = asked.get("from", ["caibox@localhost"])[0]
        # What we call ourselves to the server, rather than this machine's name.
        self._domain = parseaddr(self._sender)[1].partition("@")[2] or "caibox"
        self._tls = ssl.create_default_context(cafile=asked.get("ca", [None])[0])

    def send(self, message: Message) -> None:
        """Send one mail. Raises Unavailable; permanent when the address or the mail itself was refused."""
        if "@" not in message.contact:
            raise Unavailable(NO_TEXTS, permanent=True)
        try:
            with self._connect() as server:
                server.send_message(self._as_mail(message))
        except smtplib.SMTPRecipientsRefused as error:
            replies = [code for code, _ in error.recipients.values()]
            raise Unavailable("the address was refused", permanent=min(replies) >= FIRST_PERMANENT_REPLY) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Unavailable("the server takes no such address", permanent=True) from error
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPSenderRefused) as error:
            # Our own account is at fault, not the reader: it waits for whoever mends the settings.
            raise Unavailable(f"our account was refused, reply {error.smtp_code}", permanent=False) from error
        except smtplib.SMTPResponseException as error:
            raise Unavailable(f"reply {error.smtp_code}", permanent=error.smtp_code >= FIRST_PERMANENT_REPLY) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(type(error).__name__, permanent=False) from error

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        host, port = server.hostname or "localhost", server.port or PORTS[server.scheme]
        if server.scheme == "smtps":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(host, port, self._domain, timeout=TIMEOUT_S, context=self._tls)
        else:
            connection = smtplib.SMTP(host, port, self._domain, timeout=TIMEOUT_S)
        try:
            self._greet(connection, host)
        except BaseException:
            connection.close()
            raise
        return connection

    def _greet(self, connection: smtplib.SMTP, host: str) -> None:
        connection.ehlo()
        secret = self._server.scheme == "smtps"
        if not secret and connection.has_extn("starttls"):
            connection.starttls(context=self._tls)
            secret = True
        if self._server.username:
            if not secret and host not in HERE:
                raise Unavailable("the server offers no TLS, so it gets no password", permanent=False)
            connection.login(unquote(self._server.username), unquote(self._server.password or ""))

    def _as_mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, message.contact, message.subject
        mail["Message-ID"] = (
            f"<{message.message_id}@{self._domain}>" if message.message_id else make_msgid(domain=self._domain)
        )
        mail["Date"], mail["Auto-Submitted"] = formatdate(), "auto-generated"
        mail.set_content(message.body)
        return mail
