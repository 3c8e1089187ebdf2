"""Mail by SMTP. It knows no phone numbers: those need a text-message provider."""

import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.notify.channel import Message, Unavailable

TIMEOUT_S = 10
PORTS = {"smtp": 25, "smtps": 465}
# 5xx replies will not change by themselves; 4xx say "later" (RFC 5321 §4.2.1).
FIRST_PERMANENT_REPLY = 500


class MailChannel:
    """Sends through `smtp[s]://[user:password@]host[:port]?from=address`; `smtp` uses STARTTLS where it is offered."""

    keeps_text = False

    def __init__(self, url: str) -> None:
        self._server: SplitResult = urlsplit(url)
        self._sender = parse_qs(self._server.query).get("from", ["caibox@localhost"])[0]

    def send(self, message: Message) -> None:
        """Send one mail. Raises Unavailable."""
        if "@" not in message.contact:
            raise Unavailable("no provider for text messages is set", permanent=True)
        try:
            with self._connect() as server:
                server.send_message(self._as_mail(message))
        except smtplib.SMTPRecipientsRefused as error:
            replies = [code for code, _ in error.recipients.values()]
            raise Unavailable("the address was refused", permanent=min(replies) >= FIRST_PERMANENT_REPLY) from error
        except smtplib.SMTPResponseException as error:
            raise Unavailable(f"reply {error.smtp_code}", permanent=error.smtp_code >= FIRST_PERMANENT_REPLY) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(type(error).__name__, permanent=False) from error

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        host, port = server.hostname or "localhost", server.port or PORTS[server.scheme]
        if server.scheme == "smtps":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S)
        else:
            connection = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
            connection.ehlo()
            if connection.has_extn("starttls"):
                connection.starttls()
        if server.username:
            connection.login(unquote(server.username), unquote(server.password or ""))
        return connection

    def _as_mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, message.contact, message.subject
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="caibox")
        mail.set_content(message.body)
        return mail
