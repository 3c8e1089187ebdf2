"""Text messages through a real HTTP server: what is asked, which answer means what, and what is tried again."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest

from app.notify.channel import ByContact, Message, Unavailable
from app.notify.sms import SmsChannel
from app.notify.sms_provider import read_sms_provider
from app.notify.texts import NoticeKind
from app.settings import SettingsError
from app.use_cases.telling.send_due import WAITS, send_due
from tests.notify.text_office import TextOffice, serving
from tests.use_cases.cast import ALICE, NOW, Shop

PHONE = "+8613812345678"
CODE = Message(
    PHONE, "", "【菜箱】您的登录验证码是 482193", message_id="a1b2", kind="sign_in", facts={"code": "482193"}
)
PLAIN = """
url = "{url}/v1/messages"
headers = {{ Authorization = "Bearer {{secret}}", Idempotency-Key = "{{id}}" }}
body = {{ to = "{{contact}}", text = "{{text}}" }}
success = {{ status = [200, 202] }}
"""
SECRET = "s3cret"


def templates() -> str:
    lines = "\n".join(f'{kind.value} = {{ id = "SMS_{n}", params = ["code"] }}' for n, kind in enumerate(NoticeKind))
    return f"[templates.zh]\n{lines}\n[templates.en]\n{lines}\n"


def chinese(url: str) -> str:
    return f"""
url = "{url}/send"
format = "form"
signature_header = "X-Signature"
body = {{ PhoneNumbers = "{{national}}", SignName = "菜箱", TemplateCode = "{{template}}",
    TemplateParam = "{{params}}", OutId = "{{id}}" }}
success = {{ field = "Code", equals = ["OK"], final = ["MOBILE_NUMBER_ILLEGAL"] }}
{templates()}""".replace(",\n    ", ", ")


def channel(text: str) -> SmsChannel:
    return SmsChannel(read_sms_provider(text), secret=SECRET)


def plain(office: TextOffice, **more: str) -> SmsChannel:
    return channel(PLAIN.format(url=office.url) + "".join(f"{name} = {value}\n" for name, value in more.items()))


def refused(sms: SmsChannel, message: Message = CODE) -> Unavailable:
    with pytest.raises(Unavailable) as refusal:
        sms.send(message)
    assert "138" not in str(refusal.value)
    return refusal.value


def test_a_text_goes_out_as_the_file_says() -> None:
    with serving(TextOffice()) as office:
        plain(office).send(CODE)

    (asked,) = office.asked
    assert (asked.method, asked.path) == ("POST", "/v1/messages")
    assert json.loads(asked.body) == {"to": PHONE, "text": CODE.body}
    assert asked.headers["Authorization"] == "Bearer s3cret"
    assert asked.headers["Idempotency-Key"] == "a1b2"
    assert asked.headers["Content-Type"].startswith("application/json")


def test_a_template_goes_out_with_its_facts_and_a_signature() -> None:
    with serving(TextOffice([(200, b'{"Code": "OK"}')])) as office:
        channel(chinese(office.url)).send(CODE)

    (asked,) = office.asked
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert form == {
        "PhoneNumbers": "13812345678",
        "SignName": "菜箱",
        "TemplateCode": "SMS_0",
        "TemplateParam": '{"code":"482193"}',
        "OutId": "a1b2",
    }
    assert asked.headers["X-Signature"] == hmac.new(SECRET.encode(), asked.body, hashlib.sha256).hexdigest()


def test_a_list_of_values_goes_in_whole_and_quotes_stay_quotes() -> None:
    described = PLAIN.replace('"{{text}}"', '"{{text}}", set = {{ params = "{{values}}", of = ["{{template}}!"] }}')
    message = Message(PHONE, "", 'a "b" \\ c', kind="sign_in", facts={"code": 'x"y'})
    with serving(TextOffice()) as office:
        channel(described.format(url=office.url) + templates()).send(message)

    said = json.loads(office.asked[0].body)
    assert said == {"to": PHONE, "text": 'a "b" \\ c', "set": {"params": ['x"y'], "of": ["SMS_0!"]}}


def test_what_stands_in_an_address_cannot_become_another_part_of_it() -> None:
    described = 'url = "{url}/send?to={{contact}}&text={{text}}"\nmethod = "GET"\nsuccess = {{}}\n'
    with serving(TextOffice()) as office:
        channel(described.format(url=office.url)).send(Message(PHONE, "", "a&to=0#b c"))
    assert office.asked[0].path == "/send?to=%2B8613812345678&text=a%26to%3D0%23b%20c"


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (404, True), (422, True)]
    + [(status, False) for status in (401, 402, 403, 408, 425, 429, 500, 503, 204)],
)
def test_a_providers_status_is_final_or_for_now(status: int, permanent: bool) -> None:
    with serving(TextOffice([(status, b"")])) as office:
        assert refused(plain(office)).permanent is permanent


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (b'{"Code": "MOBILE_NUMBER_ILLEGAL"}', True),
        (b'{"Code": "LIMIT_CONTROL"}', False),
        (b"{}", False),
        (b"not json", False),
        (b"[" * 60_000, False),
        (b'{"Code": {"OK": 1}}', False),
    ],
)
def test_a_yes_must_be_said_in_the_answer_where_the_file_wants_it(answer: bytes, permanent: bool) -> None:
    with serving(TextOffice([(200, answer)])) as office:
        assert refused(channel(chinese(office.url))).permanent is permanent


def test_an_answer_may_be_deep_and_a_number() -> None:
    described = PLAIN.replace("status = [200, 202]", 'field = "Set.0.code", equals = ["0"]')
    with serving(TextOffice([(200, b'{"Set": [{"code": 0}]}')])) as office:
        channel(described.format(url=office.url)).send(CODE)
    assert len(office.asked) == 1


def test_a_provider_that_is_away_hangs_up_or_does_not_answer_is_asked_again() -> None:
    assert not refused(channel(PLAIN.format(url="http://127.0.0.1:1"))).permanent
    with serving(TextOffice(hang_up=True)) as office:
        assert not refused(plain(office)).permanent
    with serving(TextOffice(slow_s=0.6)) as office:
        assert not refused(channel("timeout_s = 0.1\n" + PLAIN.format(url=office.url))).permanent


def test_numbers_and_texts_are_not_taken_elsewhere() -> None:
    with serving(TextOffice()) as elsewhere, serving(TextOffice([(307, b"")], redirect_to=elsewhere.url)) as office:
        refused(plain(office))
    assert len(office.asked) == 1
    assert elsewhere.asked == []


def test_a_long_text_is_cut() -> None:
    with serving(TextOffice()) as office:
        channel("most_segments = 2\n" + PLAIN.format(url=office.url)).send(Message(PHONE, "", "菜" * 200))
    assert json.loads(office.asked[0].body)["text"] == "菜" * 133 + "…"


def test_text_messages_do_not_go_to_mail_addresses() -> None:
    with serving(TextOffice()) as office:
        with pytest.raises(Unavailable) as refusal:
            plain(office).send(Message("a@x.example", "", "x"))
        assert office.asked == []
    assert refusal.value.permanent


# --- with the queue


def test_a_notice_that_may_have_gone_out_is_sent_again_with_the_same_id(shop: Shop) -> None:
    shop.run_sql("UPDATE person SET phone = :phone, mail = NULL WHERE id = :id", phone=PHONE, id=ALICE)
    shop.paid(("milk", 1))
    with serving(TextOffice([(503, b""), (200, b"{}")])) as office:
        both = ByContact(mail=None, text=plain(office))
        assert send_due(shop.engine, both, now=NOW) == 0
        assert send_due(shop.engine, both, now=NOW + WAITS[0]) == 1
        assert send_due(shop.engine, both, now=NOW + WAITS[0] * 2) == 0

    ids = [asked.headers["Idempotency-Key"] for asked in office.asked]
    assert len(ids) == 2
    assert ids[0] == ids[1] == shop.one("SELECT id FROM notification")
    assert shop.rows("SELECT subject, body, facts FROM notification") == [("", "", {})]


def test_whom_no_channel_reaches_fails_at_once_and_is_kept_for_operators(shop: Shop) -> None:
    shop.paid(("milk", 1))  # Alice has a mail address
    with serving(TextOffice()) as office:
        send_due(shop.engine, ByContact(mail=None, text=plain(office)), now=NOW)
    assert shop.one("SELECT failed FROM notification") == "no mail server is set"
    assert shop.one("SELECT body FROM notification") != ""


# --- the file


GOOD = PLAIN.format(url="https://sms.example")
WRONG: Mapping[str, str] = {
    "https://": GOOD.replace("https:", "http:"),
    "unknown gap: {contract}": GOOD.replace("{contact}", "{contract}"),
    "to whom and what": GOOD.replace("{text}", "hello"),
    "unknown field": GOOD + "retries = 3\n",
    "cannot be read": "url = ",
    "missing required field": GOOD.replace("success", "#"),
    "no zh template for": GOOD.replace("{text}", "{template}")
    + "[templates.en]"
    + templates().partition("[templates.en]")[2],
    "no en template for": GOOD.replace("{text}", "{template}") + templates().partition("[templates.en]")[0],
    "Expected `str`": GOOD.replace('"{contact}"', "1").replace("headers = {", "headers = { n = 1,"),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_file_that_would_not_work_is_refused_in_a_sentence(sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        read_sms_provider(WRONG[sentence])


def test_the_examples_in_the_document_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "notices.md").read_text()
    first, second = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    read_sms_provider(first)
    read_sms_provider(second.partition("[templates.zh]")[0] + templates())
    assert set(msgspec.toml.decode(second)["templates"]["zh"]) == {"sign_in", "order_paid"}
