"""What goes in and comes out. Money is minor units of the named currency; times are RFC 3339 in UTC."""

from typing import Any

from flask_babel import lazy_gettext as _
from marshmallow import INCLUDE, Schema, fields, validate

from app.domain.basket import Substitution
from app.domain.order_state import OrderState
from app.domain.parcel_state import ParcelState
from app.domain.picking import InnerBag, ShortReason
from app.domain.visit import MOST_DOORS, Why
from app.web.api.fields import Body, OneOf, Several, SeveralNumbers, Whole, Words, YesNo
from locker_protocol.vocabulary import ColdCause, DoorFault, Refusal, Right, SizeClass, Zone

LARGEST_KEY = 2**31 - 1
MOST_LINES = 60
MOST_OF_ONE = 99
LARGEST_DOOR = 999
MOST_BACK = 999
OPENING_RIGHTS = (Right.STAFF, Right.CHECK, Right.REMOVE)
NAME = r"^[A-Za-z0-9_.-]+$"


def word(words: type[Any], *, metadata: dict[str, Any] | None = None, **kwargs: Any) -> fields.String:  # noqa: ANN401
    """A word of an enumeration, as the description lists it."""
    none = [None] if kwargs.get("allow_none") else []
    return fields.String(metadata={**(metadata or {}), "enum": [*(one.value for one in words), *none]}, **kwargs)


# --- what goes in -----------------------------------------------------------------------------------------------------


class SignInCodeWanted(Body):
    contact = Words(longest=254, required=True, metadata={"description": "A phone number or a mail address."})


class SignIn(Body):
    request_id = Words(longest=64, required=True, pattern=NAME)
    code = Words(longest=16, required=True)


class WantedLine(Body):
    product_id = Words(longest=64, required=True)
    quantity = Whole(low=1, high=MOST_OF_ONE, required=True)


class WantedOrder(Body):
    window_id = Whole(low=1, high=LARGEST_KEY, required=True)
    lines = Several(WantedLine, low=1, high=MOST_LINES, required=True)
    low_door = YesNo(load_default=False, metadata={"description": "Doors one can reach sitting, where possible."})
    substitution = fields.String(
        load_default=Substitution.REFUND.value,
        validate=validate.OneOf([one.value for one in Substitution], error=_("this must be similar or refund")),
        metadata={"description": "What to do with what is short."},
    )


class ScannedLabel(Body):
    label = Words(longest=512, required=True, metadata={"description": "What the scanner read."})
    instead_of = Whole(
        low=1,
        high=LARGEST_DOOR,
        load_default=None,
        allow_none=True,
        metadata={"description": "The door that was opened for it and will not do."},
    )
    fault = OneOf(DoorFault, load_default=None, allow_none=True, metadata={"description": "Why it will not do."})


class DoorsWanted(Body):
    doors = SeveralNumbers(low=1, high=LARGEST_DOOR, most=MOST_DOORS, required=True)
    right = OneOf(OPENING_RIGHTS, required=True, metadata={"description": "Drivers: `check` or `remove`."})
    reason = Words(longest=200, required=True, metadata={"description": "Why; it is kept with the opening."})


class VisitEnd(Body):
    crates_back = Whole(low=0, high=MOST_BACK, required=True)
    ice_packs_back = Whole(low=0, high=MOST_BACK, required=True)
    note = Words(longest=500, shortest=0, load_default="")


class Reason(Body):
    reason = Words(longest=200, required=True, metadata={"description": "Why; it is kept with the opening."})


class ScannedPick(Body):
    product_id = Words(longest=64, required=True)
    label = Words(longest=512, required=True, metadata={"description": "What the scanner read on the bag."})


class Reading(Body):
    scale_id = Words(longest=32, required=True, metadata={"description": "The number on its plate."})
    gross_g = Whole(low=1, high=99_999, required=True)
    tare_g = Whole(low=0, high=99_999, required=True)


class Short(Body):
    missing = Whole(low=1, high=MOST_OF_ONE, required=True)
    reason = fields.String(
        required=True,
        validate=validate.OneOf([one.value for one in ShortReason], error=_("this is none of the reasons")),
    )


class SealedWith(Body):
    seal = fields.String(load_default="", metadata={"description": "The number on the seal, if it has one."})


# --- what comes out ---------------------------------------------------------------------------------------------------


class Names(Schema):
    zh = fields.String(required=True)
    en = fields.String(required=True)


class InBothLanguages(fields.Field[dict[str, str]]):
    """`name` from `name_zh` and `name_en`."""

    _CHECK_ATTRIBUTE = False

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_kwargs: Any) -> dict[str, str]:  # noqa: ANN401, ARG002
        return {"zh": obj[f"{attr}_zh"], "en": obj[f"{attr}_en"]}


class SignInCodeAsked(Schema):
    request_id = fields.String(required=True, metadata={"description": "Send it back with the code."})


class Session(Schema):
    token = fields.String(required=True, metadata={"description": "Send it as `Authorization: Bearer …`."})


class Locker(Schema):
    id = fields.String(required=True)
    name = InBothLanguages(required=True)
    doors = fields.Integer(required=True)


class Site(Schema):
    id = fields.String(required=True)
    name = InBothLanguages(required=True)
    address = InBothLanguages(required=True)
    timezone = fields.String(required=True)
    currency = fields.String(required=True)
    lockers = fields.List(fields.Nested(Locker), required=True)


class Window(Schema):
    id = fields.Integer(required=True)
    run_no = fields.Integer(required=True)
    kind = fields.String(required=True)
    local_date = fields.Date(required=True)
    opens_at = fields.AwareDateTime(required=True)
    closes_at = fields.AwareDateTime(required=True)
    order_by = fields.AwareDateTime(required=True)
    places_left = fields.Integer(required=True)


class Product(Schema):
    id = fields.String(required=True)
    category_id = fields.String(required=True)
    name = InBothLanguages(required=True)
    unit = InBothLanguages(required=True)
    origin = InBothLanguages(required=True)
    zone = word(Zone, required=True)
    price_minor = fields.Integer(required=True, metadata={"description": "Of one, in the site's currency."})
    cap_minor = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Sold by weight: the most that is charged for one."}
    )


class Line(Schema):
    product_id = fields.String(required=True)
    quantity = fields.Integer(required=True)
    price_minor = fields.Integer(required=True)
    line_minor = fields.Integer(required=True)
    parcel_ref = fields.String(required=True, allow_none=True)


class Parcel(Schema):
    ref = fields.String(required=True)
    zone = word(Zone, required=True)
    size = word(SizeClass, required=True)
    state = word(ParcelState, required=True)
    door = fields.Integer(required=True, allow_none=True, metadata={"description": "Known once it was loaded."})
    loaded_at = fields.AwareDateTime(required=True, allow_none=True)
    collected_at = fields.AwareDateTime(required=True, allow_none=True)
    kept_shut = word(
        ColdCause,
        required=True,
        allow_none=True,
        metadata={"description": "Why its door opens for staff only, for food safety; null: it does not stay shut."},
    )


class OrderInList(Schema):
    id = fields.String(required=True)
    order_no = fields.String(required=True)
    state = word(OrderState, required=True)
    site_id = fields.String(required=True)
    run_no = fields.Integer(required=True)
    window_id = fields.Integer(required=True)
    opens_at = fields.AwareDateTime(required=True)
    closes_at = fields.AwareDateTime(required=True)
    currency = fields.String(required=True)
    total_minor = fields.Integer(required=True)
    placed_at = fields.AwareDateTime(required=True)
    hold_until = fields.AwareDateTime(
        required=True, metadata={"description": "Goods, window and doors are held until then unless it is paid."}
    )


class Order(OrderInList):
    low_door = fields.Boolean(required=True)
    substitution = word(Substitution, required=True)
    lines = fields.List(fields.Nested(Line), required=True)
    parcels = fields.List(fields.Nested(Parcel), required=True)


class QuotedLine(Schema):
    product_id = fields.String(required=True)
    quantity = fields.Integer(required=True)
    price_minor = fields.Integer(required=True, metadata={"description": "Sold by weight: the most it can be."})
    line_minor = fields.Integer(required=True)


class QuotedParcel(Schema):
    zone = word(Zone, required=True)
    size = word(SizeClass, required=True)


class Quote(Schema):
    total_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    lines = fields.List(fields.Nested(QuotedLine), required=True)
    parcels = fields.List(fields.Nested(QuotedParcel), required=True, metadata={"description": "A door each."})


class Payment(Schema):
    pay_url = fields.String(required=True, metadata={"description": "Send the person's browser there."})


class PickupCode(Schema):
    qr_text = fields.String(required=True, metadata={"description": "Draw it as a QR, error correction L."})
    typed_code = fields.String(required=True, allow_none=True)
    expires_at = fields.AwareDateTime(required=True)


class StaffParcel(Schema):
    id = fields.String(required=True)
    ref = fields.String(required=True)
    order_id = fields.String(required=True)
    order_no = fields.String(required=True)
    state = word(ParcelState, required=True)
    zone = word(Zone, required=True)
    size = word(SizeClass, required=True)
    planned_doors = fields.List(fields.Integer(), required=True)
    door = fields.Integer(required=True, allow_none=True)
    label = fields.String(required=True, metadata={"description": "The text of the QR on its label."})


class BegunVisit(Schema):
    visit_id = fields.String(required=True)
    joined = fields.Boolean(required=True, metadata={"description": "Somebody had begun it before."})


class ToRemove(Schema):
    parcel_id = fields.String(required=True)
    ref = fields.String(required=True)
    door = fields.Integer(required=True)
    why = word(Why, required=True)


class Visit(Schema):
    visit_id = fields.String(required=True, allow_none=True, metadata={"description": "null: none is under way."})
    to_remove = fields.List(fields.Nested(ToRemove), required=True)
    to_check = fields.List(fields.Integer(), required=True, metadata={"description": "Emptied doors to be wiped."})
    gate = fields.Raw(
        required=True,
        metadata={
            "type": "object",
            "description": "By locker and zone: `{product_c, read_at, judged_at, open}`; `product_c` of null: unknown.",
        },
    )
    to_load = fields.Integer(required=True, metadata={"description": "How many bags wait to be loaded now."})


class EndedVisit(Schema):
    not_loaded = fields.List(
        fields.String(), required=True, metadata={"description": "Orders of which bags go back with the van."}
    )


class WaveLine(Schema):
    line_no = fields.Integer(required=True)
    product_id = fields.String(required=True)
    quantity = fields.Integer(required=True)
    picked_quantity = fields.Integer(required=True, allow_none=True, attribute="picked")
    weight_g = fields.Integer(required=True, allow_none=True)
    catch_weight = fields.Boolean(required=True, metadata={"description": "It is charged by its weight."})
    bag = word(InnerBag, required=True, metadata={"description": "The inner bag it takes."})


class WaveParcel(Schema):
    id = fields.String(required=True)
    ref = fields.String(required=True)
    order_no = fields.String(required=True)
    state = word(ParcelState, required=True)
    withdrawn = fields.Boolean(required=True)
    lines = fields.List(fields.Nested(WaveLine), required=True)


class Wave(Schema):
    number = fields.Integer(required=True)
    start_by = fields.AwareDateTime(required=True)
    parcels = fields.List(fields.Nested(WaveParcel), required=True, attribute="totes")


class Picked(Schema):
    parcel_id = fields.String(required=True)
    line_no = fields.Integer(required=True)


class Weighed(Schema):
    net_g = fields.Integer(required=True)


class CommandAsked(Schema):
    command_id = fields.String(required=True)


class Command(Schema):
    id = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": ["open", "load"]})
    state = fields.String(
        required=True, metadata={"enum": ["waiting", "opened", "refused", "unanswered", "held", "declined", "expired"]}
    )
    door = fields.Integer(required=True, allow_none=True)
    doors = fields.List(
        fields.Integer(), required=True, metadata={"description": "Unlocked; until it is answered, asked for."}
    )
    refusal = word(Refusal, required=True, allow_none=True)
    asked_at = fields.AwareDateTime(required=True)
    not_after = fields.AwareDateTime(required=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)


class FieldFault(Schema):
    """What is wrong where."""

    pointer = fields.String(metadata={"description": "Where in the body, as a JSON pointer (RFC 6901)."})
    parameter = fields.String(metadata={"description": "Which parameter of the query."})
    detail = fields.String(required=True)


class Problem(Schema):
    """RFC 9457, `application/problem+json`; what fills a sentence's gaps stands beside it as fields."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True, metadata={"description": "An address that explains it."})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "Stable; the detail's wording is not."})
    detail = fields.String(required=True)
    field = fields.String(metadata={"description": "Which field, when one is wrong; the first of them."})
    reason = fields.String(metadata={"description": "What would do, when a field is wrong."})
    errors = fields.List(fields.Nested(FieldFault), metadata={"description": "Every field that is wrong."})
