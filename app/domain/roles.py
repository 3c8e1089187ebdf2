"""Who may be here. Every route names the roles it serves; `web/access.py` refuses the others.

Decides as well who may be given which role: never one's own, and one administrator is always left.
"""

from enum import StrEnum

from app.domain.errors import DomainError


class Role(StrEnum):
    """What a person is to the operator. One person, one role."""

    RESIDENT = "resident"
    PICKER = "picker"
    DRIVER = "driver"
    KEEPER = "keeper"
    OPERATOR = "operator"
    ADMIN = "admin"


STAFF = frozenset({Role.PICKER, Role.DRIVER, Role.KEEPER, Role.OPERATOR, Role.ADMIN})


class OwnRole(DomainError):
    """Nobody changes their own role."""

    code = "own_role"
    status = 403


class LastAdmin(DomainError):
    """Without an administrator nobody could give a role any more."""

    code = "last_admin"


class NotAKeeper(DomainError):
    """Only keepers have a site that is theirs to look after."""

    code = "not_a_keeper"


def refuse_role_change(*, own: bool, before: Role, after: Role, admins: int) -> None:
    """Raises OwnRole, or LastAdmin of so many `admins`."""
    if own:
        raise OwnRole
    if before is Role.ADMIN and after is not Role.ADMIN and admins == 1:
        raise LastAdmin
