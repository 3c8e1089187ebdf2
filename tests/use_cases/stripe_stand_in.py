"""Stripe's stand-in, `localstripe`, as a real process on a port of its own; and the page where people pay."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import stripe

from app.demo.child import Child, Command
from app.demo.ports import answers, free_port
from app.payments.stripe_provider import StripeProvider
from app.settings import StripeAccount
from tests.conftest import wait_until

SECRET = "whsec_for_tests"
# It keeps its objects in a file that all who run it share; in memory they are our own.
PROGRAM = (
    "from localstripe import resources, server\nresources.Store.dump_to_disk = lambda self: None\nserver.start()\n"
)
GOOD_CARD, BAD_CARD = "4242424242424242", "4000000000000341"


@dataclass(frozen=True, slots=True)
class StandIn:
    """Where it is, and a client of its own for what the shop's page would do."""

    url: str
    client: stripe.StripeClient

    def provider(self) -> StripeProvider:
        """Ours."""
        return StripeProvider(StripeAccount("sk_test_shop", SECRET, "http://pay.example/", self.url))

    def pay(self, ref: str, card: str = GOOD_CARD) -> None:
        """Attach a card and confirm. Raises stripe.CardError when it is declined."""
        v1 = self.client.v1
        customer = v1.customers.create({})
        method = v1.payment_methods.create(
            {"type": "card", "card": {"number": card, "exp_month": 12, "exp_year": 2050, "cvc": "123"}}
        )
        v1.payment_methods.attach(method.id, {"customer": customer.id})
        v1.payment_intents.update(ref, {"customer": customer.id, "payment_method": method.id})
        v1.payment_intents.confirm(ref)


@contextmanager
def running_stand_in(folder: Path) -> Iterator[StandIn]:
    """Run it for as long as the block lasts."""
    port = free_port()
    argv = [sys.executable, "-c", PROGRAM, "--from-scratch", "--port", str(port)]
    child = Child(Command("localstripe", argv, {}, folder / "log", ready=lambda: answers(port)))
    url = f"http://127.0.0.1:{port}"
    http = stripe.RequestsClient(timeout=10)
    try:
        wait_until(child.command.ready, what="localstripe", log=child.command.log)
        yield StandIn(url, stripe.StripeClient("sk_test_page", base_addresses={"api": url}, http_client=http))
    finally:
        child.kill()
        http.close()  # type: ignore[no-untyped-call]
