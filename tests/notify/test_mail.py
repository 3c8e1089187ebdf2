"""Mail through a real SMTP server: what arrives, what is tried again, what is given up, and who gets the password."""

import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from app.notify.channel import Message, Unavailable
from app.notify.mail import MailChannel
from app.use_cases.telling.send_due import WAITS, send_due
from tests.notify.post_office import PASSWORD, SENDER, USER, PostOffice, make_certificate, serving
from tests.use_cases.cast import NOW, Shop

# The server warns of what these tests are about: a password asked for where nothing is encrypted.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

MEI = "mei@x.example"
READY = Message(MEI, "订单可以取了", "开柜码 07 482 193", message_id="a1b2")
LOGIN = f"{quote(USER)}:{quote(PASSWORD, safe='')}@"


def url(office: PostOffice, *, scheme: str = "smtp", login: str = "", more: str = "") -> str:
    return f"{scheme}://{login}127.0.0.1:{office.port}?from={SENDER}{more}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def refused(channel: MailChannel, message: Message = READY) -> Unavailable:
    with pytest.raises(Unavailable) as refusal:
        channel.send(message)
    return refusal.value


def test_a_mail_arrives_whole_in_chinese() -> None:
    with serving(PostOffice()) as office:
        MailChannel(url(office)).send(READY)

    (mail,) = office.mails
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, MEI, "订单可以取了")
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<a1b2@caibox.example>", "auto-generated")
    assert "开柜码 07 482 193" in mail.get_content()


@pytest.mark.parametrize(
    ("replies", "permanent"),
    [
        ({"RCPT": "550 nobody here"}, True),
        ({"RCPT": "451 later"}, False),
        ({"RCPT": "452 mailbox full"}, False),
        ({"DATA": "554 refused"}, True),
        ({"DATA": "451 try again"}, False),
        ({"MAIL": "421 closing"}, False),
        ({"MAIL": "530 our account is wanting"}, False),  # ours to mend, not the reader's fault
    ],
)
def test_a_servers_no_is_final_or_for_now(replies: dict[str, str], permanent: bool) -> None:
    with serving(PostOffice(replies)) as office:
        assert refused(MailChannel(url(office))).permanent is permanent
    assert office.mails == []


def test_a_server_that_is_away_is_tried_again() -> None:
    assert not refused(MailChannel("smtp://127.0.0.1:1")).permanent


def test_an_address_the_server_cannot_write_is_given_up() -> None:
    with serving(PostOffice()) as office:
        assert refused(MailChannel(url(office)), Message("梅@x.example", "s", "b")).permanent


def test_mail_does_not_go_to_phones() -> None:
    assert refused(MailChannel("smtp://127.0.0.1:1"), Message("+8613800138000", "s", "b")).permanent


def test_a_mail_whose_fate_is_unknown_is_sent_again_as_the_same_mail(shop: Shop) -> None:
    shop.paid(("milk", 1))  # Alice has a mail address
    with serving(PostOffice(lose=1)) as office:
        channel = MailChannel(url(office))
        assert send_due(shop.engine, channel, now=NOW) == 0
        assert shop.one("SELECT count(*) FROM notification WHERE sent_at IS NULL AND failed IS NULL") == 1
        assert send_due(shop.engine, channel, now=NOW + WAITS[0]) == 1

    first, second = office.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()


# --- TLS and passwords


def test_a_password_goes_out_after_starttls(certificate: Path) -> None:
    with serving(PostOffice(), tls=server_tls(certificate), login=True) as office:
        MailChannel(url(office, login=LOGIN, more=f"&ca={certificate}")).send(READY)
    assert (office.logins, office.encrypted, len(office.mails)) == ([USER.encode()], [True], 1)


def test_a_password_goes_out_within_tls(certificate: Path) -> None:
    with serving(PostOffice(), tls=server_tls(certificate), at_once=True, login=True) as office:
        MailChannel(url(office, scheme="smtps", login=LOGIN, more=f"&ca={certificate}")).send(READY)
    assert (office.logins, len(office.mails)) == ([USER.encode()], 1)


@pytest.mark.parametrize(("scheme", "at_once"), [("smtp", False), ("smtps", True)])
def test_a_server_nobody_vouches_for_gets_neither_mail_nor_password(
    certificate: Path, scheme: str, at_once: bool
) -> None:
    with serving(PostOffice(), tls=server_tls(certificate), at_once=at_once, login=True) as office:
        assert not refused(MailChannel(url(office, scheme=scheme, login=LOGIN))).permanent
    assert (office.logins, office.mails) == ([], [])


def test_a_password_does_not_go_out_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.notify.mail.HERE", frozenset())  # as if it were another machine
    with serving(PostOffice(), login=True) as office:
        assert "no TLS" in str(refused(MailChannel(url(office, login=LOGIN))))
    assert (office.logins, office.mails) == ([], [])


def test_a_wrong_password_waits_for_whoever_mends_it(certificate: Path) -> None:
    with serving(PostOffice(), tls=server_tls(certificate), login=True) as office:
        wrong = refused(MailChannel(url(office, login="caibox:wrong@", more=f"&ca={certificate}")))
    assert not wrong.permanent
    assert "wrong" not in str(wrong)
    assert office.mails == []
