"""Each way to break a rule of the protocol is noticed within a few worlds; else the simulation is too weak."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from app.domain.order_state import OrderState
from firmware_sim import controller as firmware
from firmware_sim import memory
from locker_gateway import (
    cancelling,
    choosing,
    codes,
    collecting,
    conditions,
    controllers,
    door_events,
    doubts,
    echoes,
    grants,
    loading,
    manifest,
    remote,
    site,
    staff_doors,
    tidy,
    uplink_log,
)
from locker_gateway import turn as turn_module
from locker_gateway.cold import quarantines, sending, zones
from locker_gateway.loop import Loop
from locker_gateway.outputs import Output, PruneEvents, Record
from locker_gateway.records import Answer, Mark
from locker_gateway.refusals import Refused
from locker_gateway.site import restore
from locker_gateway.state import ONLY
from locker_gateway.store import StoreFailed
from locker_gateway.turn import Turn
from locker_protocol.bus_messages import DoorOpened, DoorShut
from locker_protocol.cold_chain import minutes as cold_minutes
from locker_protocol.token import Token, read_token
from locker_protocol.typed_code import hash_secret
from locker_protocol.uplink_messages import EntriesApplied, UpBatch
from locker_protocol.vocabulary import DoorCondition, Refusal, Right
from simulation import gateway_node
from simulation.cold_book import ColdBook
from simulation.disks import JournalDisk
from simulation.gateway_node import GatewayNode
from simulation.inspectors import Inspectors
from simulation.keys import KeyRing, QuickPublicKey
from simulation.service_book import Book, Refund
from simulation.service_node import ServiceNode
from simulation.world import run_world

SEEDS = range(1, 121)
ORDERS = 30

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]
MUTANTS: dict[str, tuple[Mutant, set[str]]] = {}


def mutant(*invariants: str) -> Callable[[Mutant], Mutant]:
    """Register one; `invariants`: those that may notice it."""

    def register(mutate: Mutant) -> Mutant:
        MUTANTS[mutate.__name__] = (mutate, set(invariants))
        return mutate

    return register


# --- records before deeds ---------------------------------------------------------------------------------------------


@mutant("I3")
def the_gateway_sends_before_it_commits(patch: Patch) -> None:
    def turn(self: Any, inputs: Any) -> None:
        outputs: list[Output] = []
        for given in inputs:
            outputs += site.step(self._site, given, now=self._clock.now(), random=self._random)
        more = [found for each in outputs if (found := self._perform(each)) is not None]
        self._store.commit([each for each in outputs if isinstance(each, Record)])
        if more:
            self.turn(more)

    patch.setattr(Loop, "turn", turn)


@mutant("I3", "I7", "I12")
def the_gateway_goes_on_after_a_failed_commit(patch: Patch) -> None:
    commit = GatewayNode.commit

    def careless(self: GatewayNode, records: Any) -> None:
        with suppress(StoreFailed):
            commit(self, records)

    patch.setattr(GatewayNode, "commit", careless)


@mutant("I7")
def an_older_version_works_with_a_newer_store(patch: Patch) -> None:
    def lenient(config: Any, records: Any) -> Any:
        return restore(config, [each for each in records if each != gateway_node.FROM_THE_FUTURE])

    patch.setattr(gateway_node, "restore", lenient)


@mutant("I1", "I2", "I3", "I4", "I6", "I7")
def the_controller_does_not_wait_for_its_disk(patch: Patch) -> None:
    append = JournalDisk.append

    def unsynced(self: JournalDisk, records: Any, *, synced: bool) -> None:
        append(self, records, synced=False)

    patch.setattr(JournalDisk, "append", unsynced)


@mutant("I12")
def the_gateway_grants_without_an_audit_row(patch: Patch) -> None:
    patch.setattr(Turn, "audit", Turn.event)


@mutant("I6")
def the_controller_pulses_before_it_keeps_the_command(patch: Patch) -> None:
    def unlock(state: Any, outputs: Any, now: Any, command: Any) -> None:
        if command.command_id in state.memory.outcomes:
            return
        kept = memory.CommandKept(command.command_id, command.door, firmware._judge(state, now, command))
        if kept.outcome == "pulsed":
            state.pulses.append(kept)
            firmware._pulse(state, outputs, now)
        firmware._remember(state, outputs, kept)

    patch.setattr(firmware, "_unlock", unlock)


@mutant("I6")
def the_controllers_ring_forgets(patch: Patch) -> None:
    patch.setattr(memory, "COMMAND_RING", 0)


# --- ghosts -----------------------------------------------------------------------------------------------------------


@mutant("I1", "I5")
def the_controller_obeys_commands_of_any_age(patch: Patch) -> None:
    patch.setattr(firmware, "FRESH_BEATS", 10**6)


@mutant("I5")
def the_gateway_takes_scans_of_any_age(patch: Patch) -> None:
    patch.setattr(site, "SHOWN_FRESH_MS", 10**9)


@mutant("I5")
def the_gateway_takes_any_echo(patch: Patch) -> None:
    patch.setattr(echoes, "longest_on_its_way_ms", lambda *_: 0)


@mutant("refused as late")
def the_gateway_forgets_each_number_when_it_gives_the_next(patch: Patch) -> None:
    patch.setattr(echoes, "ECHOES_KEPT", 0)


@mutant("refused as late")
def the_controller_gives_nothing_back(patch: Patch) -> None:
    patch.setattr(firmware, "_echo", lambda *_: None)


@mutant("I5")
def the_gateway_obeys_commands_from_afar_of_any_age(patch: Patch) -> None:
    patch.setattr(remote, "_check_time", lambda *_, **__: None)


@mutant("ghost rule")
def commands_are_kept_by_the_broker(patch: Patch) -> None:
    command = Turn.command

    def keeping(self: Turn, controller: str, message: Any, *, qos: Any = 1) -> None:
        command(self, controller, message, qos=qos)
        sent: Any = self.outputs.pop()
        self.outputs.append(
            type(sent)(sent.link, sent.topic, sent.payload, sent.qos, retain=True, unlocks=sent.unlocks)
        )

    patch.setattr(Turn, "command", keeping)


@mutant("I6")
def a_command_from_afar_is_obeyed_each_time_it_comes(patch: Patch) -> None:
    def obey(turn: Turn, command: Any, *, received_ms: int) -> None:
        answer: Answer = remote._act(turn, command, received_ms=received_ms)
        turn.put(turn.site.answers, command.command_id, answer)

    patch.setattr(remote, "obey", obey)


# --- codes ------------------------------------------------------------------------------------------------------------


@mutant("I4")
def a_typed_secret_is_compared_by_its_beginning(patch: Patch) -> None:
    def matches(secret: str, *, salt: bytes, expected: bytes) -> bool:
        return any(hash_secret(f"{secret[:-1]}{last}", salt) == expected for last in range(10))

    patch.setattr(codes, "secret_matches", matches)


@mutant("I4", "I5")
def signatures_are_not_checked(patch: Patch) -> None:
    patch.setattr(QuickPublicKey, "verify", lambda *_: None)


@mutant("I4")
def codes_of_another_site_open(patch: Patch) -> None:
    read = read_token

    def ours(text: str, keys: Any) -> Token:
        token = read(text, keys)
        return Token(token.key_id, 7, *(getattr(token, name) for name in list(Token.__slots__)[2:]))

    patch.setattr(codes, "read_token", ours)


@mutant("I4")
def revocations_are_not_heeded(patch: Patch) -> None:
    patch.setattr(manifest, "_revoke", lambda *_: None)


def _check_without(*ignored: Refusal) -> Callable[..., None]:
    check = codes._check

    def lenient(code: Any, generation: int, *, expired: bool) -> None:
        try:
            check(code, generation, expired=expired)
        except Refused as refused:
            if refused.refusal not in ignored:
                raise

    return lenient


@mutant("I4")
def a_new_code_does_not_end_the_old_one(patch: Patch) -> None:
    patch.setattr(codes, "_check", _check_without(Refusal.SUPERSEDED))


@mutant("I4")
def cancelled_orders_open(patch: Patch) -> None:
    patch.setattr(codes, "_check", _check_without(Refusal.REVOKED))


@mutant("I4")
def expired_codes_open(patch: Patch) -> None:
    patch.setattr(codes, "_check", _check_without(Refusal.EXPIRED))
    patch.setattr(collecting, "REOPEN_MS", 10**12)


@mutant("I4", "I5", "I16")
def civil_time_follows_the_machines_clock_backwards(patch: Patch) -> None:
    begin = Turn.__init__

    def init(self: Turn, place: Any, now: Any, random: Any) -> None:
        place.civil_ms = 0
        begin(self, place, now, random)

    patch.setattr(Turn, "__init__", init)


@mutant("I4")
def one_order_gets_two_grants(patch: Patch) -> None:
    patch.setattr(grants, "outstanding", lambda *_: None)


@mutant("I1", "I2", "I4", "I7", "I9", "I14")
def the_gateway_grants_before_it_heard_what_happened(patch: Patch) -> None:
    for module in (collecting, door_events, grants):
        patch.setattr(module, "caught_up", lambda place, controller, **_: place.sight_of(controller).online)


@mutant("I1", "I4", "I14")
def nothing_is_ever_spent(patch: Patch) -> None:
    patch.setattr(collecting, "parcel_opened", lambda *_: None)


@mutant("I1", "I7", "I9", "I14")
def a_grant_spends_before_its_door_opened(patch: Patch) -> None:
    give = grants.give

    def spending(turn: Turn, asked: Any, targets: Any) -> Any:
        grant = give(turn, asked, targets)
        for door in grant.doors:
            collecting.parcel_opened(turn, grant, door)
        return grant

    patch.setattr(grants, "give", spending)


# --- loading ----------------------------------------------------------------------------------------------------------


@mutant("I1", "I2", "I13", "I14", "I15")
def a_parcel_counts_as_loaded_before_its_door_is_shut(patch: Patch) -> None:
    opened = door_events.door_opened

    def loads(turn: Turn, controller: str, door: int, command_id: str | None, *, seen_in: Any) -> None:
        opened(turn, controller, door, command_id, seen_in=seen_in)
        for grant, each in list(grants.at_door(turn.site, door, "opened")):
            if grant.right is Right.LOAD:
                loading.door_shut(turn, grant, each)

    patch.setattr(door_events, "door_opened", loads)


@mutant("I2")
def doors_that_nobody_wiped_are_loaded(patch: Patch) -> None:
    patch.setattr(conditions, "of", lambda *_: DoorCondition.FREE)


@mutant("I2", "I15")
def full_doors_are_loaded(patch: Patch) -> None:
    free = choosing._is_free

    def is_free(place: Any, spec: Any, parcel: Any) -> bool:
        lying = place.lying_at(spec.door)
        return lying is not None or bool(free(place, spec, parcel))

    patch.setattr(choosing, "_is_free", is_free)


@mutant("I15")
def one_label_opens_two_doors(patch: Patch) -> None:
    patch.setattr(loading, "_being_loaded", lambda *_: None)


@mutant("I2")
def doubts_are_forgotten(patch: Patch) -> None:
    patch.setattr(doubts, "remember", lambda *_: None)


@mutant("I3")
def an_opened_door_names_no_unlock(patch: Patch) -> None:
    def moved(state: Any, door: int) -> Any:
        return DoorOpened(door, None) if state.sensors.is_open[door] else DoorShut(door)

    patch.setattr(firmware, "_moved", moved)


@mutant("I1", "I4", "I9", "I14")
def an_opened_door_names_the_unlock_that_came_last(patch: Patch) -> None:
    def moved(state: Any, door: int) -> Any:
        if not state.sensors.is_open[door]:
            return DoorShut(door)
        return DoorOpened(door, state.memory.pulsed.get(door))

    patch.setattr(firmware, "_moved", moved)


# --- logs -------------------------------------------------------------------------------------------------------------


@mutant("I7", "I14", "I17")
def what_was_sent_counts_as_received(patch: Patch) -> None:
    pump = uplink_log.pump

    def forgetful(turn: Turn) -> None:
        pump(turn)
        turn.site.marks.rows[ONLY] = Mark(turn.site.sending.sent_through)

    patch.setattr(uplink_log, "pump", forgetful)


def _take(patch: Patch, *, may: Callable[[int, int], bool]) -> None:
    def take_batch(self: ServiceNode, batch: UpBatch) -> int:
        last = self.book.up_positions.get(batch.log_id, 0)
        for numbered in batch.events:
            if may(numbered.seq, last):
                self.consume(batch.log_id, numbered)
                last = numbered.seq
        self.book.up_positions[batch.log_id] = last
        return last

    patch.setattr(ServiceNode, "take_batch", take_batch)


@mutant("I7")
def the_service_applies_repeated_events_again(patch: Patch) -> None:
    _take(patch, may=lambda seq, last: seq <= last + 1)


@mutant("I7")
def the_service_applies_events_over_a_gap(patch: Patch) -> None:
    _take(patch, may=lambda seq, last: seq > last)


@mutant("I7")
def the_service_acknowledges_before_it_commits(patch: Patch) -> None:
    def take(self: ServiceNode, batch: UpBatch) -> None:
        self._acknowledge(batch.log_id, batch.events[-1].seq)
        self.transact(lambda: self.take_batch(batch))

    patch.setattr(ServiceNode, "_take", take)


@mutant("I7")
def the_service_gives_a_number_twice(patch: Patch) -> None:
    number = Book.number

    def again(self: Book) -> None:
        self.down_seq = min(self.down_seq, max(self.down_acked, 1))
        number(self)

    patch.setattr(Book, "number", again)


@mutant("I7")
def the_gateway_takes_entries_over_a_gap(patch: Patch) -> None:
    def take(turn: Turn, batch: Any) -> None:
        log = turn.site.down
        if log is None or log.log_id != batch.log_id:
            original(turn, batch)
            return
        for entry in batch.entries:
            if entry.seq > log.seq:
                log = uplink_log._consume(turn, log, entry)
        turn.put(turn.site.down_log, ONLY, log)
        turn.up(EntriesApplied(log.log_id, log.seq))

    original = uplink_log.take_batch
    patch.setattr(uplink_log, "take_batch", take)


@mutant("I1", "I14")
def a_new_key_signs_before_the_site_knows_it(patch: Patch) -> None:
    prepare = KeyRing.prepare

    def at_once(self: KeyRing, seed: bytes) -> bool:
        done = prepare(self, seed)
        self.turn()
        return done

    patch.setattr(KeyRing, "prepare", at_once)


@mutant("I17")
def events_are_forgotten_before_the_service_has_them(patch: Patch) -> None:
    def tidy_all(turn: Turn) -> None:
        turn.outputs.append(PruneEvents(turn.site.up.seq, turn.civil_ms + 1))

    patch.setattr(tidy, "tidy_when_due", tidy_all)


@mutant("I1", "I14", "I17")
def the_gateways_memory_of_events_has_no_end(patch: Patch) -> None:
    patch.setattr(turn_module, "CACHED_EVENTS", 10**9)
    patch.setattr(tidy, "tidy_when_due", lambda _turn: None)
    patch.setattr(uplink_log, "take_acknowledgement", lambda *_: None)


@mutant("I7")
def doors_are_believed_by_readings_of_any_age(patch: Patch) -> None:
    patch.setattr(door_events, "is_outdated", lambda *_: False)


@mutant("I14")
def a_stale_death_is_believed(patch: Patch) -> None:
    def died(turn: Turn, controller: str, _death: Any) -> None:
        seen = turn.site.seen[controller]
        if seen.online:
            controllers._went_silent(turn, controller, seen)

    patch.setattr(controllers, "died", died)


# --- money ------------------------------------------------------------------------------------------------------------


@mutant("I1", "I9")
def a_cancellation_is_told_while_a_door_moves(patch: Patch) -> None:
    patch.setattr(cancelling, "_moving", lambda *_: False)


@mutant("I1", "I9", "I14")
def the_service_refunds_without_the_sites_word(patch: Patch) -> None:
    withdraw = Book.withdraw

    def at_once(self: Book, order_id: str, now: int) -> None:
        withdraw(self, order_id, now)
        self.close_withdrawn(order_id)

    patch.setattr(Book, "withdraw", at_once)


@mutant("I1")
def a_new_log_drops_the_cancellations_on_their_way(patch: Patch) -> None:
    def snapshot(self: Book, log_id: str, now: int) -> None:
        orders = self.orders
        self.orders = {each: order for each, order in orders.items() if order.state is not OrderState.EXPIRING}
        lying, self.parcels = (
            self.parcels,
            {k: v for k, v in self.parcels.items() if v.manifest.order_id in self.orders},
        )
        whole(self, log_id, now)
        self.orders, self.parcels = orders, lying

    whole = Book.snapshot
    patch.setattr(Book, "snapshot", snapshot)


@mutant("I8", "I9")
def one_decision_gives_two_refunds(patch: Patch) -> None:
    def decide(self: Book, order: Any, amount_minor: int, why: str = "end") -> None:
        for key in ("end", "again"):
            if amount_minor > 0:
                self.touched.add(order.order_id)
                name = f"{key}-{order.order_id}"
                self.refunds[order.order_id, key] = Refund(name, order.order_id, amount_minor)

    patch.setattr(Book, "_decide_refund", decide)


# --- cold ------------------------------------------------------------------------------------------------------------


@mutant("I10")
def gaps_in_what_was_measured_are_forgiven(patch: Patch) -> None:
    patch.setattr("locker_protocol.cold_chain.judge._Sums._counts_unmeasured", lambda *_: False)


@mutant("I11", "I14")
def a_quarantine_is_kept_in_memory_only(patch: Patch) -> None:
    put = Turn.put

    def forgetful(self: Turn, table: Any, key: str, row: Any) -> None:
        if table.kind == "quarantine":
            table.rows[key] = row
        else:
            put(self, table, key, row)

    patch.setattr(Turn, "put", forgetful)


@mutant("I11")
def food_is_judged_after_the_grant(patch: Patch) -> None:
    patch.setattr(collecting, "is_kept", lambda *_: False)


@mutant("I11")
def whoever_hands_over_from_afar_is_not_refused(patch: Patch) -> None:
    patch.setattr(staff_doors, "is_kept", lambda *_: False)


@mutant("I11")
def what_was_crossed_for_good_is_released(patch: Patch) -> None:
    def all_of_it(self: Inspectors, row: Any, _door: int) -> list[str]:
        return self.world.manifests[row.parcel_id].food_classes

    patch.setattr(Inspectors, "_still_good", all_of_it)
    patch.setattr(quarantines, "check_release", lambda *_: None)


@mutant("I11")
def the_two_hours_are_forgotten(patch: Patch) -> None:
    patch.setattr(quarantines, "_decide_late", lambda _turn: None)
    patch.setattr(ColdBook, "remind", lambda *_: None)


@mutant("I17")
def late_samples_are_ignored(patch: Patch) -> None:
    patch.setattr(zones, "mend_later", lambda *_: None)


@mutant("I10", "I17")
def a_value_that_no_probe_can_mean_is_believed(patch: Patch) -> None:
    patch.setattr(cold_minutes, "LOWEST_C", -100.0)
    patch.setattr(cold_minutes, "HIGHEST_C", 100.0)
    patch.setattr(cold_minutes, "MAGIC_C", frozenset())


@mutant("I14")
def what_was_mended_is_not_told_again(patch: Patch) -> None:
    patch.setattr(sending, "begin_again", lambda *_: None)


# --- the gate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, invariants = MUTANTS[name]
    mutate(monkeypatch)
    for seed in SEEDS:
        outcome = run_world(seed, ORDERS)
        if outcome.invariant is not None:
            break
    assert outcome.invariant in invariants, outcome.violation


def test_there_are_twenty_mutants_at_least() -> None:
    assert len(MUTANTS) >= 20
