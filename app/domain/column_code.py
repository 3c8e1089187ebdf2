"""The code printed on a column of a locker: which column it is, signed, and nothing else. The same for everybody.

Whoever scans it says where they stand, weakly: a picture of it can be sent. So it gives no right, only the way to the
page where one's own doors are opened. The signature keeps people from reading our columns off by counting.
"""

from dataclasses import dataclass

from itsdangerous import BadSignature, Signer

from app.domain.errors import NotFound

SALT = "caibox-column"


@dataclass(frozen=True, slots=True)
class ColumnPlace:
    """A column of a locker; columns count from the left, from 1."""

    locker_id: str
    column_no: int


def write_column_code(secret_key: str, place: ColumnPlace) -> str:
    """The last part of the printed address: `G1-2.` and the signature."""
    return Signer(secret_key, salt=SALT).sign(f"{place.locker_id}-{place.column_no}").decode()


def read_column_code(secret_key: str, code: str) -> ColumnPlace:
    """The column a printed code names. Raises NotFound for one that is not ours."""
    try:
        text = Signer(secret_key, salt=SALT).unsign(code).decode()
    except (BadSignature, UnicodeError) as error:
        raise NotFound(what="column") from error
    locker_id, _, column_no = text.rpartition("-")
    return ColumnPlace(locker_id, int(column_no))
