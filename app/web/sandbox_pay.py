"""The sandbox provider's hosted page: pay or decline, without money. It stands for a page that is another company's."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from app.domain.errors import NotFound
from app.payments.provider import ChargeState
from app.payments.sandbox import HostedCharge, SandboxProvider
from app.web.access import serves_everybody
from app.web.language import short
from app.web.parts import parts

blueprint = Blueprint("sandbox_pay", __name__, url_prefix="/<lang_code>/sandbox/pay")

# Its own words: they are no part of the shop's catalogue, as another company's would not be.
WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "sandbox": "沙盒支付，不收真钱。",
        "title": "付款",
        "order": "订单",
        "amount": "金额",
        "pay": "支付",
        "decline": "不付了",
        "captured": "已付款。",
        "declined": "这笔付款没有成功。",
        "back": "回到订单",
    },
    "en": {
        "sandbox": "Sandbox provider, no real money.",
        "title": "Pay",
        "order": "Order",
        "amount": "Amount",
        "pay": "Pay",
        "decline": "Decline",
        "captured": "This is paid.",
        "declined": "This payment did not go through.",
        "back": "Back to the order",
    },
}


@blueprint.get("/<ref>")
@serves_everybody()
def pay_page(ref: str) -> str:
    """Show what is to be paid; one decided before says so."""
    charge = _charge(_provider(), ref)
    return render_template("sandbox_pay.html", charge=charge, states=ChargeState, words=WORDS[short()])


@blueprint.post("/<ref>")
@serves_everybody()
def decide(ref: str) -> Response:
    """Take the person's decision once, tell the service, and send the person back."""
    provider = _provider()
    charge = _charge(provider, ref)
    if provider.decide(ref, paid=request.form.get("decision") == "pay"):
        provider.send_webhook(ref)
    return redirect(charge.return_url, 303)


def _charge(provider: SandboxProvider, ref: str) -> HostedCharge:
    found = provider.hosted_charge(ref)
    if found is None:
        raise NotFound
    return found


def _provider() -> SandboxProvider:
    provider = parts().provider
    if not isinstance(provider, SandboxProvider):
        raise NotFound
    return provider
