"""What other programs are told as it happens: operators register addresses, see what did not arrive, send it again."""

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from app.db.pages import webhooks as pages
from app.db.pages.api import Row
from app.domain.errors import NotFound
from app.domain.roles import Role
from app.domain.webhook_event import (
    DeliveryState,
    NotDead,
    TooManyEndpoints,
    WebhookAddressRefused,
    WebhookKind,
)
from app.notify.webhook_address import LONGEST_URL
from app.use_cases.telling.end_endpoint import end_endpoint
from app.use_cases.telling.register_endpoint import register_endpoint
from app.use_cases.telling.send_again import send_again
from app.web.access import serves
from app.web.api.fields import Body, OneOf, Words
from app.web.api.listing import Part, PartWanted
from app.web.api.operations import Operations
from app.web.api.schemas import word
from app.web.parts import civil_now, parts, read, signed_in, write

blueprint = Operations("webhooks", says="Tell other programs what happens, signed, until it has arrived")

LARGEST_ID = 2**63 - 1


class WantedEndpoint(Body):
    url = Words(longest=LONGEST_URL, required=True, metadata={"description": "A public https address."})
    kinds = fields.List(OneOf(WebhookKind), required=True, validate=validate.Length(1, len(WebhookKind)))


class Endpoint(Schema):
    id = fields.String(required=True)
    url = fields.String(required=True)
    kinds = fields.List(word(WebhookKind), required=True)
    made_at = fields.AwareDateTime(required=True)
    waiting = fields.Integer(required=True, metadata={"description": "Messages that are still tried."})
    dead = fields.Integer(required=True, metadata={"description": "Messages that were given up after three days."})


class NewEndpoint(Schema):
    id = fields.String(required=True)
    secret = fields.String(required=True, metadata={"description": "Shown this once; it checks `Caibox-Signature`."})


class DeliveriesWanted(PartWanted):
    state = OneOf(DeliveryState, load_default=None)


class Delivery(Schema):
    id = fields.Integer(required=True)
    event_id = fields.String(required=True)
    kind = word(WebhookKind, required=True)
    at = fields.AwareDateTime(required=True, metadata={"description": "When it happened."})
    data = fields.Dict(required=True, attribute="facts")
    state = word(DeliveryState, required=True)
    tries = fields.Integer(required=True)
    next_try_at = fields.AwareDateTime(required=True)
    tried_at = fields.AwareDateTime(required=True, allow_none=True)
    answered = fields.Integer(required=True, allow_none=True, metadata={"description": "The last HTTP status."})
    trouble = fields.String(required=True, allow_none=True)


@blueprint.get("/webhooks")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.lists(Endpoint, key=("made_at", "id"))
def list_webhooks(part: Part) -> Sequence[Row]:
    """List the endpoints that are told."""
    with read() as conn:
        return pages.endpoints(conn, after=part.after, limit=part.and_one)


@blueprint.post("/webhooks")
@serves(Role.OPERATOR)
@blueprint.refuses(WebhookAddressRefused, TooManyEndpoints)
@blueprint.arguments(WantedEndpoint)
@blueprint.response(201, NewEndpoint)
def add_webhook(body: dict[str, Any]) -> dict[str, str]:
    """Register an endpoint; its secret is shown this once."""
    kinds = [WebhookKind(kind) for kind in body["kinds"]]
    with write() as conn:
        endpoint_id, secret = register_endpoint(
            conn,
            url=body["url"],
            kinds=kinds,
            person_id=signed_in().id,
            now=civil_now(),
            settings=parts().settings,
        )
    return {"id": endpoint_id, "secret": secret}


@blueprint.delete("/webhooks/<webhook_id>")
@serves(Role.OPERATOR)
@blueprint.response(204)
def end_webhook(webhook_id: str) -> None:
    """End an endpoint: what waits for it is given up."""
    with write() as conn:
        end_endpoint(conn, endpoint_id=webhook_id, now=civil_now())


@blueprint.get("/webhooks/<webhook_id>/deliveries")
@serves(Role.OPERATOR)
@blueprint.etag
@blueprint.lists(Delivery, key=("id",), query=DeliveriesWanted)
def list_deliveries(webhook_id: str, part: Part) -> Sequence[Row]:
    """List the messages to an endpoint, newest first."""
    state = part.query["state"]
    with read() as conn:
        if pages.endpoint(conn, endpoint_id=webhook_id) is None:
            raise NotFound
        return pages.deliveries(
            conn,
            endpoint_id=webhook_id,
            state=DeliveryState(state) if state else None,
            after=part.after,
            limit=part.and_one,
        )


@blueprint.post(f"/webhooks/<webhook_id>/deliveries/<int(max={LARGEST_ID}):delivery_id>/again")
@serves(Role.OPERATOR)
@blueprint.refuses(NotDead)
@blueprint.response(204)
def send_delivery_again(webhook_id: str, delivery_id: int) -> None:
    """Send a message again that was given up."""
    with write() as conn:
        send_again(conn, endpoint_id=webhook_id, delivery_id=delivery_id, now=civil_now())
