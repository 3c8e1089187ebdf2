"""Fields that say in both languages what would do, and let no text through that a database or a log chokes on."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any
from unicodedata import category

from flask_babel import lazy_gettext as _
from marshmallow import RAISE, Schema, ValidationError, fields, validate

MOST_DIGITS = 18
UNREADABLE = frozenset({"Cc", "Cs"})  # controls, NUL among them, and lone surrogates

_COMMON: dict[str, Any] = {
    "required": _("this is missing"),
    "null": _("this may not be null"),
    "validator_failed": _("this value is not allowed"),
}
_BODY: dict[str, Any] = {"unknown": _("there is no such field"), "type": _("this must be a JSON object")}
_WORDS: dict[str, Any] = {**_COMMON, "invalid": _("this must be text")}
_WHOLE: dict[str, Any] = {**_COMMON, "invalid": _("this must be a whole number")}
_YES_NO: dict[str, Any] = {**_COMMON, "invalid": _("this must be true or false")}
_SEVERAL: dict[str, Any] = {**_COMMON, "invalid": _("this must be a list")}


class Body(Schema):
    """A request body: fields it does not know are refused, not ignored."""

    error_messages = _BODY

    class Meta:
        unknown = RAISE


class Words(fields.String):
    """Text of `shortest` to `longest` characters without control characters or halves of surrogate pairs."""

    default_error_messages = _WORDS

    def __init__(self, *, longest: int, shortest: int = 1, pattern: str | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        reason = _("this must be 1 to %(longest)s characters of plain text", longest=longest)
        checks: list[Any] = [validate.Length(min=shortest, max=longest, error=reason), _clean]
        if pattern is not None:
            checks.append(validate.Regexp(pattern, error=_("this has another form")))
        super().__init__(validate=checks, **kwargs)


class Whole(fields.Integer):
    """A whole number between two bounds; `"3"`, `3.0` and `true` are none."""

    default_error_messages = _WHOLE

    def __init__(self, *, low: int, high: int, **kwargs: Any) -> None:  # noqa: ANN401
        reason = _("this must be a number from %(low)s to %(high)s", low=low, high=high)
        super().__init__(strict=True, validate=validate.Range(low, high, error=reason), **kwargs)

    def _validated(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return value


class WrittenWhole(Whole):
    """A whole number as a query writes it, in digits."""

    def _validated(self, value: object) -> int:
        if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > MOST_DIGITS:
            raise self.make_error("invalid", input=value)
        return int(value)


class YesNo(fields.Boolean):
    """`true` or `false`, nothing that merely looks like it."""

    default_error_messages = _YES_NO

    def _deserialize(self, value: object, attr: str | None, data: Any, **_kwargs: Any) -> bool:  # noqa: ANN401, ARG002
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Several(fields.List[Any]):
    """A list of `low` to `high` bodies."""

    default_error_messages = _SEVERAL

    def __init__(self, body: type[Schema], *, low: int, high: int, **kwargs: Any) -> None:  # noqa: ANN401
        reason = _("this must be a list of %(low)s to %(high)s", low=low, high=high)
        item = fields.Nested(body, error_messages=_COMMON | _BODY)
        super().__init__(item, validate=validate.Length(low, high, error=reason), **kwargs)


class SeveralNumbers(fields.List[Any]):
    """A list of 1 to `most` whole numbers between two bounds."""

    default_error_messages = _SEVERAL

    def __init__(self, *, low: int, high: int, most: int, **kwargs: Any) -> None:  # noqa: ANN401
        reason = _("this must be a list of %(low)s to %(high)s", low=1, high=most)
        item = Whole(low=low, high=high)
        super().__init__(item, validate=validate.Length(1, most, error=reason), **kwargs)


class OneOf(fields.String):
    """One word of an enumeration, or of a part of one."""

    default_error_messages = _WORDS

    def __init__(self, words: Iterable[StrEnum], **kwargs: Any) -> None:  # noqa: ANN401
        choices = [word.value for word in words]
        reason = _("this value is not allowed")
        super().__init__(validate=validate.OneOf(choices, error=reason), **kwargs)


def _clean(text: str) -> None:
    if any(category(character) in UNREADABLE for character in text):
        raise ValidationError(str(_("this holds characters that nobody can read")))
