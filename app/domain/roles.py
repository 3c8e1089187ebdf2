"""Who may be here. Every route names the roles it serves; `web/access.py` refuses the others."""

from enum import StrEnum


class Role(StrEnum):
    """What a person is to the operator. One person, one role."""

    RESIDENT = "resident"
    PICKER = "picker"
    DRIVER = "driver"
    KEEPER = "keeper"
    OPERATOR = "operator"
    ADMIN = "admin"


STAFF = frozenset({Role.PICKER, Role.DRIVER, Role.KEEPER, Role.OPERATOR, Role.ADMIN})
