"""Where payment providers tell us that something changed: verified by its raw bytes, stored, then asked about."""

import structlog
from flask import Blueprint, Response, jsonify, request
from flask.blueprints import BlueprintSetupState

from app.domain.errors import NotFound
from app.payments.provider import WebhookForged, WebhookUnreadable
from app.use_cases.money.hear_webhook import hear_webhook
from app.web.access import serves_everybody
from app.web.parts import civil_now, parts

log = structlog.get_logger()

blueprint = Blueprint("payment_webhook", __name__, url_prefix="/webhooks")


@blueprint.record_once
def _without_csrf_token(state: BlueprintSetupState) -> None:
    """A provider has no form of ours; its signature is what protects this route."""
    state.app.extensions["csrf"].exempt(blueprint)


@blueprint.post("/<provider_name>")
@serves_everybody()
def take(provider_name: str) -> Response:
    """Answer 204 once the message is stored; what cannot be applied now is polled later."""
    provider = parts().provider
    if provider_name != provider.name:
        raise NotFound
    try:
        hear_webhook(
            parts().engine,
            provider,
            body=request.get_data(),
            headers=dict(request.headers),
            now=civil_now(),
            settings=parts().settings,
        )
    except WebhookForged as error:
        log.warning("webhook_refused", provider=provider.name, reason=str(error))
        return _refused("webhook_refused", "The signature does not hold, or the message is too old. Nothing was kept.")
    except WebhookUnreadable as error:
        log.warning("webhook_unreadable", provider=provider.name, reason=str(error))
        return _refused("webhook_unreadable", f"The signature holds, but {error}. Nothing was kept.")
    return Response(status=204)


def _refused(code: str, detail: str) -> Response:
    """Programs ask here, so the problem is JSON whatever they accept."""
    response = jsonify(
        {
            "type": f"urn:caibox:problem:{code}",
            "title": "Webhook refused",
            "status": 400,
            "code": code,
            "detail": detail,
        }
    )
    response.status_code = 400
    response.mimetype = "application/problem+json"
    return response
