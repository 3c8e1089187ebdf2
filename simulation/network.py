"""Two brokers and the wires to them: they lose, double, delay and reorder messages, and tell late deaths.

It decides when a message arrives, if at all. It never looks into one, but for the rule that no command may be kept.
A connection is in order (one TCP stream) unless a fault says otherwise; messages of a connection that ended are gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from simulation.chaos import Chaos
from simulation.kernel import Kernel, Violation

Hear = Callable[[str, bytes, bool], None]
Wants = Callable[[str], bool]

NOTICES_MS = (5_000, 20_000)
BROKER_NOTICES_MS = 30_000
BACK_OFF_MS = (200, 500, 1_000, 2_000, 5_000)
LONGEST_DELAY_MS = 120_000
SLOW_BYTES_A_SECOND = 2_000


@dataclass(frozen=True, slots=True)
class Will:
    """What a broker says for a connection it lost; always kept."""

    topic: str
    payload: bytes


@dataclass(slots=True, eq=False)
class Session:
    """One connection as its broker sees it."""

    client: str
    hear: Hear
    wants: Wants
    will: Will | None
    lost: Callable[[], None]
    open: bool = True
    broker_died: bool = False
    last_ms: int = 0
    stalled_until_ms: int = 0
    held_until_ms: int = 0
    slow_until_ms: int = 0
    sent_ms: int = 0


class Broker:
    """Routes, keeps retained messages, and forgets everything else when it is killed."""

    def __init__(self, name: str, kernel: Kernel, chaos: Chaos) -> None:
        self.name = name
        self.retained: dict[str, bytes] = {}
        self.sessions: dict[str, Session] = {}
        self.cut: dict[str, set[str]] = {}
        self._kernel = kernel
        self._chaos = chaos

    def connect(self, session: Session) -> bool:
        """Begin a session with a clean slate; an older one of the same client is taken over. False: no way through."""
        if self.cut.get(session.client):
            return False
        older = self.sessions.pop(session.client, None)
        if older is not None:
            self._taken_over(older)
        self.sessions[session.client] = session
        self._kernel.note("connected", self.name, session.client)
        for topic, payload in list(self.retained.items()):
            if session.wants(topic):
                self._carry(session, topic, payload, kept=True)
        return True

    def publish(self, session: Session, topic: str, payload: bytes, *, retain: bool, reliable: bool = True) -> None:
        """Take one message from a client; whether it comes to anybody is the network's whim."""
        if retain and topic.endswith(("/command", "/down")):
            raise Violation("ghost rule", f"a command is kept by the broker: {topic}", topic)
        if not session.open or "out" in self.cut.get(session.client, ()):
            return
        waits_until_ms = max(session.stalled_until_ms, session.held_until_ms if reliable else 0)
        wait_ms = max(waits_until_ms, self._sent_ms(session, payload)) - self._kernel.ms
        if wait_ms > 0:
            self._kernel.after(wait_ms, partial(self._thaw, session, topic, payload, retain, reliable))
        else:
            self._route(topic, payload, retain=retain, reliable=reliable)

    def _sent_ms(self, session: Session, payload: bytes) -> int:
        """When a message is through a wire that is slow now, or still has slow ones in it."""
        now_ms = self._kernel.ms
        if now_ms < session.slow_until_ms:
            session.sent_ms = max(now_ms, session.sent_ms) + len(payload) * 1000 // SLOW_BYTES_A_SECOND
        return session.sent_ms

    def _thaw(self, session: Session, topic: str, payload: bytes, retain: bool, reliable: bool) -> None:  # noqa: FBT001 - a queue's
        if session.open:
            self._route(topic, payload, retain=retain, reliable=reliable)

    def _route(self, topic: str, payload: bytes, *, retain: bool, reliable: bool = True) -> None:
        if retain:
            self.retained[topic] = payload
        for session in list(self.sessions.values()):
            if session.wants(topic):
                self._carry(session, topic, payload, kept=False)
                if reliable and self._chaos.strikes("message_doubled"):
                    self._carry(session, topic, payload, kept=False)

    def _carry(self, session: Session, topic: str, payload: bytes, *, kept: bool) -> None:
        kernel, chaos = self._kernel, self._chaos
        if chaos.strikes("message_lost"):
            return
        at_ms = kernel.ms + kernel.between(1, 6)
        if chaos.strikes("message_delayed"):
            at_ms += kernel.between(10, kernel.pick((300, 3_000, 12_000, 40_000)))
        if chaos.strikes("message_overtaken"):
            at_ms += kernel.between(10, kernel.pick((300, 3_000, 12_000, LONGEST_DELAY_MS)))
        else:
            slow = kernel.ms < session.slow_until_ms
            session.last_ms = at_ms = max(at_ms, session.last_ms) + slow * len(payload) * 1000 // SLOW_BYTES_A_SECOND
        kernel.after(at_ms - kernel.ms, partial(self._arrive, session, topic, payload, kept))

    def _arrive(self, session: Session, topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001 - a queue's
        if session.open and "in" not in self.cut.get(session.client, ()):
            session.hear(topic, payload, kept)
        elif session.broker_died and not kept:
            self._chaos.happened("broker_lost_acknowledged")

    # --- what ends connections

    def leave(self, session: Session, *, with_will: bool = True) -> None:
        """The socket broke: the broker notices at once or late, and says the will."""
        if not session.open:
            return
        session.open = False
        if not with_will:
            self.sessions.pop(session.client, None)
            return
        delay_ms = self._kernel.between(0, 50) if self._kernel.chance(0.5) else self._kernel.between(0, 15_000)
        self._kernel.after(delay_ms, partial(self._bury, session))

    def give_up(self, session: Session) -> None:
        """Nothing was heard for one and a half times the keepalive."""
        session.open = False
        self._bury(session)

    def _bury(self, session: Session) -> None:
        if self.sessions.get(session.client) is session:
            del self.sessions[session.client]
            self._say_will(session)

    def _taken_over(self, older: Session) -> None:
        self._chaos.happened("session_taken_over")
        older.open = False
        late = self._chaos.strikes("stale_death_after_birth")
        self._kernel.after(self._kernel.between(0, 400) if late else 0, partial(self._say_will, older))

    def _say_will(self, session: Session) -> None:
        if session.will is not None:
            self._kernel.note("will", self.name, session.client)
            self._route(session.will.topic, session.will.payload, retain=True)

    def restart(self) -> None:
        """Killed and started again: every session and every message on its way is gone, kept ones perhaps."""
        self._kernel.note("broker_restarted", self.name)
        sessions, self.sessions = list(self.sessions.values()), {}
        if self.retained and self._chaos.strikes("retained_forgotten"):
            self.retained.clear()
        for session in sessions:
            session.open, session.broker_died = False, True
            self._kernel.after(self._kernel.between(1, 100), session.lost)


@dataclass(slots=True, eq=False)
class Link:
    """A client's side: connects, notices losses late, and comes back."""

    client: str
    broker: Broker
    kernel: Kernel
    hear: Hear
    wants: Wants
    up: Callable[[], None]
    down: Callable[[], None]
    will: Callable[[], Will | None]
    session: Session | None = None
    wanted: bool = False
    epoch: int = 0
    failures: int = 0
    refused_until_ms: int = 0
    _asked: bool = field(default=False)

    def start(self) -> None:
        """Begin to connect."""
        self.wanted = True
        self._try_soon(20)

    def stop(self, *, in_good_order: bool = False) -> None:
        """The process ended: its sockets close. One that ends in good order said its farewell itself."""
        self.wanted = False
        self.epoch += 1
        self._asked = False
        if self.session is not None:
            self.broker.leave(self.session, with_will=not in_good_order)
            self.session = None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, reliable: bool = True) -> bool:
        """Hand a message over; False without a connection."""
        if self.session is None:
            return False
        self.broker.publish(self.session, topic, payload, retain=retain, reliable=reliable)
        return True

    def is_cut(self) -> bool:
        """True while the wire is cut."""
        return self.client in self.broker.cut

    def cut(self, directions: set[str], lasts_ms: int) -> None:
        """Cut the wire; both ends notice late, and only when it lasts."""
        self.broker.cut[self.client] = directions
        self.kernel.after(lasts_ms, self._mended)
        session, notices_ms = self.session, self.kernel.between(*NOTICES_MS)
        if session is not None and notices_ms < lasts_ms:
            self.kernel.after(notices_ms, partial(self._notice, session))
        if session is not None and lasts_ms > BROKER_NOTICES_MS:
            self.kernel.after(BROKER_NOTICES_MS, partial(self.broker.give_up, session))

    def stall(self, lasts_ms: int) -> None:
        """What is sent from now on waits on its way, in order, and then comes all at once.

        One that begins within a longer one lets what is sent then pass what waits: a broker of several nodes may do so
        to whoever connects anew, and no program may rely on one that does not.
        """
        if self.session is not None:
            self.session.stalled_until_ms = self.kernel.ms + lasts_ms

    def hold_back(self, lasts_ms: int) -> None:
        """The broker's window for messages with receipts is full: they wait, while those without pass them."""
        if self.session is not None:
            self.session.held_until_ms = self.kernel.ms + lasts_ms

    def slow_down(self, lasts_ms: int) -> None:
        """Two thousand bytes a second, either way."""
        if self.session is not None:
            self.session.slow_until_ms = self.kernel.ms + lasts_ms

    def speed_up(self) -> None:
        """As fast as it should be again; what is in the wire keeps its turn."""
        if self.session is not None:
            self.session.slow_until_ms = 0

    def reset(self) -> None:
        """The connection breaks, and both ends know."""
        session = self.session
        if session is not None:
            self.broker.leave(session)
            self._lost(session)

    def halve(self) -> None:
        """The broker dropped the connection; the client goes on talking to nobody until its keepalive tells."""
        session = self.session
        if session is not None:
            self.broker.give_up(session)
            self.kernel.after(self.kernel.between(*NOTICES_MS), partial(self._notice, session))

    def refuse(self, lasts_ms: int) -> None:
        """The name is not found, or the certificate no longer valid: this connection ends, and no new one begins."""
        self.refused_until_ms = self.kernel.ms + lasts_ms
        self.reset()

    def freeze(self, lasts_ms: int) -> None:
        """The process is stopped for a while: its broker gives it up, and it learns of that afterwards."""
        session = self.session
        if session is not None and lasts_ms > BROKER_NOTICES_MS:
            self.kernel.after(BROKER_NOTICES_MS, partial(self.broker.give_up, session))
            self.kernel.after(lasts_ms, partial(self._notice, session))

    def _mended(self) -> None:
        self.broker.cut.pop(self.client, None)

    def _notice(self, session: Session) -> None:
        if self.session is session:
            # The broker, which noticed nothing, still holds the session: the next connection takes it over.
            session.open = False
            self._lost(session)

    def _lost(self, session: Session) -> None:
        if self.session is session:
            self.session = None
            self.down()
            self._try_soon(self.kernel.between(20, 300))

    def _try_soon(self, delay_ms: int) -> None:
        if self.wanted and not self._asked:
            self._asked = True
            self.kernel.after(delay_ms, partial(self._try, self.epoch))

    def _try(self, epoch: int) -> None:
        if epoch != self.epoch:
            return
        self._asked = False
        if not self.wanted or self.session is not None:
            return
        epoch = self.epoch
        session = Session(self.client, self.hear, self.wants, self.will(), lambda: self._lost(session))
        if self.kernel.ms >= self.refused_until_ms and self.broker.connect(session):
            self.session, self.failures = session, 0
            self.up()
        else:
            self.failures = min(self.failures + 1, len(BACK_OFF_MS) - 1)
            self._try_soon(BACK_OFF_MS[self.failures])
