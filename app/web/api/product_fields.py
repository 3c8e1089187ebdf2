"""The fields of a product as operators' programs send it, each with its limits, and what must agree among them."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.web.api.fields import Body, Several, Whole, Words, YesNo
from app.web.api.schemas import NAME
from locker_protocol.vocabulary import Zone

MOST_PRODUCTS = 500
DEAREST_MINOR = 100_000_000
LONGEST_LIFE_H = 10 * 366 * 24
WITHOUT_LIMIT = -1
LONGEST_TOLERANCE_H = 999
FOOD_CLASSES = ("chilled_strict", "chilled_tcs", "chilled_quality", "cool_sensitive", "frozen", "ambient", "live")
FLAGS = ("leaks", "smells", "live", "seal_apart", "ready_to_eat", "fragile")
PRICED_PER = ("500g", "kg", "L", "each")
ANY_FOOD = "1f957"  # a picture every installation has


class _Word(fields.String):
    """One of a few words."""

    default_error_messages = {"required": _("this is missing"), "null": _("this may not be null")}  # noqa: RUF012
    default_error_messages["invalid"] = _("this must be text")

    def __init__(self, words: tuple[str, ...], **kwargs: Any) -> None:  # noqa: ANN401
        reason = _("this must be one of %(words)s", words=", ".join(words))
        super().__init__(validate=validate.OneOf(words, error=reason), **kwargs)


class _Tolerates(fields.Field[dict[str, int]]):
    """Zones other than its own, and for how many hours; -1 without limit."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **_kwargs: Any) -> dict[str, int]:  # noqa: ANN401, ARG002
        if not isinstance(value, Mapping) or not all(_is_tolerance(*each) for each in value.items()):
            raise ValidationError(str(_("this must name zones with hours from 1 to 999, or -1 without limit")))
        return dict(value)


def _is_tolerance(zone: object, hours: object) -> bool:
    if zone not in set(Zone) or isinstance(hours, bool) or not isinstance(hours, int):
        return False
    return hours == WITHOUT_LIMIT or 1 <= hours <= LONGEST_TOLERANCE_H


class WantedProduct(Body):
    """One product; money in minor units of the sites' currency."""

    id = Words(longest=32, required=True, pattern=NAME, metadata={"description": "The SKU."})
    category_id = Words(longest=32, required=True)
    active = YesNo(load_default=True)
    name_zh = Words(longest=80, required=True)
    name_en = Words(longest=80, required=True)
    unit_zh = Words(longest=40, required=True)
    unit_en = Words(longest=40, required=True)
    origin_zh = Words(longest=80, required=True)
    origin_en = Words(longest=80, required=True)
    picture = Words(longest=64, load_default=ANY_FOOD, pattern=NAME, metadata={"description": "Its file's stem."})
    search = Words(longest=200, shortest=0, load_default="", metadata={"description": "Further words people type."})
    price_minor = Whole(low=1, high=DEAREST_MINOR, required=True)
    cap_minor = Whole(
        low=1,
        high=DEAREST_MINOR,
        load_default=None,
        allow_none=True,
        metadata={"description": "Sold by weight: the most that is charged for one."},
    )
    unit_price_minor = Whole(low=1, high=DEAREST_MINOR, load_default=None, allow_none=True)
    unit_price_per = _Word(PRICED_PER, load_default=None, allow_none=True)
    tax_code = Words(longest=40, required=True, pattern=NAME)
    food_class = _Word(FOOD_CLASSES, required=True)
    zone = _Word(tuple(zone.value for zone in Zone), required=True)
    tolerates = _Tolerates(load_default=dict, metadata={"type": "object", "description": "Zone to hours."})
    life_h = Whole(low=1, high=LONGEST_LIFE_H, required=True)
    volume_ml = Whole(low=1, high=1_000_000, required=True)
    longest_mm = Whole(low=1, high=10_000, required=True)
    weight_g = Whole(low=1, high=1_000_000, required=True)
    net_g = Whole(
        low=1,
        high=1_000_000,
        load_default=None,
        allow_none=True,
        metadata={"description": "Sold by weight, or as a portion of it: what one weighs net."},
    )
    flags = fields.List(_Word(FLAGS), load_default=list)
    stock_a_run = Whole(low=0, high=100_000, required=True)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_kwargs: Any) -> None:  # noqa: ANN401
        if data["cap_minor"] is not None and data["cap_minor"] < data["price_minor"]:
            raise ValidationError(str(_("this may not be less than the price")), "cap_minor")
        if data["cap_minor"] is not None and data["net_g"] is None:
            raise ValidationError(str(_("what is sold by weight needs its usual net weight")), "net_g")
        if "斤" in data["unit_zh"].replace("公斤", ""):
            reason = _("this is sold by a unit that is no legal one: use 500 g, kg, L or each")
            raise ValidationError(str(reason), "unit_zh")
        if (data["unit_price_minor"] is None) != (data["unit_price_per"] is None):
            raise ValidationError(str(_("a unit price and its unit belong together")), "unit_price_minor")
        if data["zone"] in data["tolerates"]:
            raise ValidationError(str(_("its own zone does not belong here")), "tolerates")


class ProductsToPut(Body):
    """Several products; a known id is changed."""

    products = Several(WantedProduct, low=1, high=MOST_PRODUCTS, required=True)


class ProductsPut(Schema):
    """What was done."""

    added = fields.Integer(required=True)
    known = fields.Integer(required=True)
