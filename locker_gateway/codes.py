"""Judges what people show: a signed QR code or typed digits. Says which order, or which member of staff, or why not.

It knows nothing of doors. A code whose signature holds is believed even when the gateway never heard of it, if its
order is known and its generation is not older: it may have been made after the uplink went down.
"""

from dataclasses import dataclass

import msgspec

from locker_gateway.records import Code
from locker_gateway.refusals import Refused
from locker_gateway.state import Keypad, Site
from locker_gateway.turn import Turn
from locker_protocol.site_entries import CredentialManifest
from locker_protocol.token import (
    RIGHT_COLLECT,
    RIGHT_LOAD,
    RIGHT_STAFF,
    SKEW_S,
    Token,
    TokenError,
    read_token,
)
from locker_protocol.typed_code import secret_matches, split_code
from locker_protocol.uplink_messages import OpenForOwner
from locker_protocol.vocabulary import Refusal

# Staff codes rotate every 30 s and are made for 60 s of real time: one that lives longer is no rotating code. Twice
# that, for the rate of a demo's civil time is measured from tick to tick.
STAFF_AHEAD_MS = 120_000
MAX_WRONG_TRIES = 5
WAITS_S = (5, 30, 120, 300)
# Whoever left a quarter of an hour ago has nothing to do with the next person's typing.
STRIKES_FADE_MS = 900_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who may collect this order: the code they showed, or the command that named it."""

    order_id: str
    credential_id: str
    generation: int
    actor: str
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff, by their rotating code."""

    actor: str


def judge_symbol(turn: Turn, text: str) -> Holder | Staff:
    """Judge a scanned code. Raises Refused."""
    site = turn.site
    try:
        token = read_token(text, site.live_keys())
    except TokenError as error:
        raise Refused(error.refusal) from error
    if token.site_no != site.config.site_no:
        raise Refused(Refusal.OTHER_SITE)
    expired = (token.expires_s + SKEW_S) * 1000 < turn.civil_ms
    if token.rights & RIGHT_COLLECT:
        return _judge_collect(turn, token, expired=expired)
    if token.rights & (RIGHT_LOAD | RIGHT_STAFF):
        return _judge_staff(turn, token, expired=expired)
    raise Refused(Refusal.NO_RIGHT)


def judge_keys(turn: Turn, controller: str, digits: str) -> Holder:
    """Judge a typed code. Wrong tries count against its handle and slow this keypad. Raises Refused."""
    keypad = turn.site.keypads.setdefault(controller, Keypad())
    if turn.ms < keypad.wait_until_ms:
        raise Refused(Refusal.WAIT, wait_s=-(-(keypad.wait_until_ms - turn.ms) // 1000))
    parts = split_code(digits)
    if parts is None:
        raise Refused(Refusal.MALFORMED)
    if turn.site.down is None:
        raise Refused(Refusal.STAFF_ONLY)
    credential = _typed_credential(turn, parts[0])
    if credential is None or not _is_right(turn, credential, parts[1]):
        _slow_down(turn, keypad)
        raise _wrong(turn, credential, keypad)
    keypad.strikes = 0
    return _judge_typed(turn, credential)


def judge_told(turn: Turn, command: OpenForOwner) -> Holder:
    """Judge a code that the service names, for whoever holds it asked on a page. Raises Refused.

    Only one the service told of: whoever commands from afar has its log applied, or waits for that.
    """
    site = turn.site
    if site.down is None:
        raise Refused(Refusal.STAFF_ONLY, order_id=command.order_id)
    known = site.credentials.rows.get(command.order_id)
    if known is None or (known.credential_id, known.generation) != (command.credential_id, command.generation):
        raise Refused(Refusal.SUPERSEDED if known else Refusal.UNKNOWN, order_id=command.order_id)
    return _judge_typed(turn, known, command_id=command.command_id)


def told(turn: Turn, credential: CredentialManifest) -> None:
    """The service issued a code: a higher generation ends the lower ones, and its typed code starts unharmed."""
    order_id = credential.order_id
    code = code_of(turn.site, order_id)
    if credential.generation >= code.generation:
        turn.put(turn.site.credentials, order_id, credential)
    _remember(turn, code, credential.credential_id, credential.generation)


def code_of(site: Site, order_id: str) -> Code:
    """What is known of an order's codes, or a blank."""
    return site.codes.rows.get(order_id) or Code(order_id)


def index(site: Site) -> None:
    """Build the way from credential to order, after the store was read."""
    site.order_of_id = {each: code.order_id for code in site.codes.rows.values() for each in code.ids}


# --- signed codes -----------------------------------------------------------------------------------------------------


def _judge_collect(turn: Turn, token: Token, *, expired: bool) -> Holder:
    site, credential_id = turn.site, token.credential_id.hex()
    if site.down is None:
        raise Refused(Refusal.STAFF_ONLY)
    order_id = site.order_of_id.get(credential_id) or _order_by_handle(turn, token)
    if order_id is None:
        raise Refused(Refusal.EXPIRED if expired else Refusal.UNKNOWN)
    code = code_of(site, order_id)
    _check(code, token.generation, expired=expired)
    _remember(turn, code, credential_id, token.generation)
    return Holder(order_id, credential_id, token.generation, f"code-{token.handle}")


def _order_by_handle(turn: Turn, token: Token) -> str | None:
    """A code with a new credential id names its order by handle alone.

    Only while one order can be meant: a handle is used again, and yesterday's code must not open today's door.
    """
    living = [
        credential
        for credential in turn.site.credentials.rows.values()
        if credential.handle == token.handle and credential.expires_at + SKEW_S * 1000 >= turn.civil_ms
    ]
    if len(living) != 1 or token.generation == living[0].generation:
        return None
    return living[0].order_id


def _check(code: Code, generation: int, *, expired: bool) -> None:
    if code.cancelled or generation <= code.revoked_through:
        raise Refused(Refusal.REVOKED, order_id=code.order_id)
    if generation < code.generation:
        raise Refused(Refusal.SUPERSEDED, order_id=code.order_id)
    if expired:
        raise Refused(Refusal.EXPIRED, order_id=code.order_id)


def _remember(turn: Turn, code: Code, credential_id: str, generation: int) -> None:
    """Keep the highest generation and every credential id of an order."""
    higher = generation > code.generation
    if not higher and credential_id in code.ids and code.order_id in turn.site.codes.rows:
        return
    ids = code.ids if credential_id in code.ids else (*code.ids, credential_id)
    fresh = msgspec.structs.replace(
        code,
        generation=max(generation, code.generation),
        wrong_tries=0 if higher else code.wrong_tries,
        ids=ids,
    )
    turn.put(turn.site.codes, code.order_id, fresh)
    turn.site.order_of_id[credential_id] = code.order_id


def _judge_staff(turn: Turn, token: Token, *, expired: bool) -> Staff:
    actor = f"staff-{token.handle}"
    if expired:
        raise Refused(Refusal.EXPIRED, actor=actor)
    if token.expires_s * 1000 > turn.civil_ms + STAFF_AHEAD_MS * turn.site.civil_rate + SKEW_S * 1000:
        raise Refused(Refusal.NO_RIGHT, actor=actor)
    return Staff(actor)


# --- typed codes ------------------------------------------------------------------------------------------------------


def _typed_credential(turn: Turn, handle: int) -> CredentialManifest | None:
    """The live credential of a handle: the one that expires last, for a handle is used again after its order."""
    known = [each for each in turn.site.credentials.rows.values() if each.handle == handle and each.secret_hash]
    return max(known, key=lambda each: each.expires_at, default=None)


def _is_right(turn: Turn, credential: CredentialManifest, secret: str) -> bool:
    """Check the secret, unless its code is dead. A dead code is not told from a wrong one by how long it takes."""
    code = code_of(turn.site, credential.order_id)
    if code.wrong_tries >= MAX_WRONG_TRIES:
        raise Refused(Refusal.CODE_DEAD, order_id=credential.order_id)
    salt, expected = bytes.fromhex(credential.secret_salt or ""), bytes.fromhex(credential.secret_hash or "")
    return secret_matches(secret, salt=salt, expected=expected)


def _wrong(turn: Turn, credential: CredentialManifest | None, keypad: Keypad) -> Refused:
    wait_s = -(-(keypad.wait_until_ms - turn.ms) // 1000)
    if credential is None:
        return Refused(Refusal.WRONG_CODE, wait_s=wait_s)
    code = code_of(turn.site, credential.order_id)
    tries = code.wrong_tries + 1
    turn.put(turn.site.codes, code.order_id, msgspec.structs.replace(code, wrong_tries=tries))
    refusal = Refusal.CODE_DEAD if tries >= MAX_WRONG_TRIES else Refusal.WRONG_CODE
    return Refused(refusal, order_id=credential.order_id, wait_s=wait_s)


def _slow_down(turn: Turn, keypad: Keypad) -> None:
    if turn.ms - keypad.last_wrong_ms >= STRIKES_FADE_MS:
        keypad.strikes = 0
    keypad.strikes += 1
    keypad.last_wrong_ms = turn.ms
    keypad.wait_until_ms = turn.ms + 1000 * WAITS_S[min(keypad.strikes, len(WAITS_S)) - 1]


def _judge_typed(turn: Turn, credential: CredentialManifest, *, command_id: str | None = None) -> Holder:
    """The secret is right, or nobody had to type it; its code may still have been revoked, replaced or have expired."""
    code = code_of(turn.site, credential.order_id)
    _check(code, credential.generation, expired=credential.expires_at + SKEW_S * 1000 < turn.civil_ms)
    actor = f"code-{credential.handle}"
    return Holder(credential.order_id, credential.credential_id, credential.generation, actor, command_id)
