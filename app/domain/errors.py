"""A rule said no. Each refusal is a class with a stable code, defined beside its rule; this is their parent."""

from collections.abc import Mapping
from typing import ClassVar


class DomainError(Exception):
    """A refusal a person can act on.

    `code` is stable and names the sentence in both languages (`web/words.py`); `facts` fill its gaps;
    `status` is the HTTP answer (409: the world moved on, 422: the wish makes no sense, 403/404: not yours).
    """

    code: ClassVar[str]
    status: ClassVar[int] = 409

    def __init__(self, **facts: str | int) -> None:
        super().__init__(self.code)
        self.facts: Mapping[str, str | int] = facts


class NotFound(DomainError):
    """Nothing of that name, or not yours: the same answer on purpose."""

    code = "not_found"
    status = 404


class IllegalMove(DomainError):
    """A state table has no such move; nothing changed."""

    code = "illegal_move"
