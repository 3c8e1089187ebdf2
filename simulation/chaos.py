"""What can go wrong, how often in this run, and how often it did.

Each run draws which faults it has at all and how frequent each is: many rare faults at once hide each other. A few
coincidences are made likely on purpose (a crash just after a grant, a cancellation while a lock moves), for chance
alone brings them once in a hundred thousand orders.
"""

from collections import Counter

from simulation.kernel import Kernel

NETWORK = {
    "message_lost": 0.012,
    "message_doubled": 0.03,
    "message_delayed": 0.003,
    "message_overtaken": 0.012,
    "link_cut": 0.01,
    "link_cut_one_way": 0.006,
    "link_flaps": 0.002,
    "link_half_open": 0.003,
    "link_slow": 0.003,
    "name_not_found": 0.002,
    "certificate_expired": 0.002,
    "uplink_down_for_days": 0.002,
    "broker_restarted": 0.004,
    "unlock_stalled": 0.02,
    "events_held_back": 0.15,
    "entries_lost": 0.03,
    "retained_forgotten": 0.5,
    "stale_death_after_birth": 0.4,
}
PROCESSES = {
    "gateway_killed": 0.004,
    "gateway_killed_before_commit": 0.0006,
    "gateway_killed_before_sends": 0.0006,
    "gateway_killed_between_sends": 0.0006,
    "gateway_killed_near_a_grant": 0.03,
    "gateway_crash_loop": 0.001,
    "gateway_out_of_memory": 0.3,
    "gateway_stopped": 0.004,
    "gateway_upgraded": 0.003,
    "gateway_downgrade_refused": 0.05,
    "service_killed": 0.004,
    "service_killed_before_commit": 0.004,
    "service_killed_before_sends": 0.004,
    "power_cut": 0.004,
    "power_cut_in_a_step": 0.0006,
    "power_cut_before_a_pulse": 0.02,
    "power_cut_after_a_pulse": 0.02,
    "power_cut_near_a_pulse": 0.03,
    "power_flaps": 0.001,
    "controller_upgraded": 0.002,
}
DISKS = {
    "unsynced_lost": 0.7,
    "gateway_disk_slow": 0.004,
    "gateway_disk_full": 0.001,
    "gateway_sync_failed": 0.0006,
    "gateway_disk_replaced": 0.0004,
    "service_restored": 0.0004,
    "controller_memory_lost": 0.0005,
}
CLOCKS = {
    "clock_leapt_while_shown": 0.02,
    "clock_stepped_back": 0.003,
    "clock_stepped_ahead": 0.003,
    "clock_frozen": 0.003,
    "clock_dead": 0.1,
    "clock_skewed": 0.3,
    "clock_drifts": 0.3,
}
DOORS = {
    "door_jammed": 0.05,
    "lock_yielded_late": 0.5,
    "door_forced": 0.002,
    "contact_stuck": 0.002,
    "contacts_miswired": 0.001,
    "lock_supply_off": 0.002,
}
COLD = {
    "minutes_pass": 0.04,
    "minutes_pass_at_the_door": 0.12,
    "power_out_for_long": 0.01,
    "compressor_dead": 0.015,
    "gasket_leaks": 0.015,
    "probe_silent": 0.03,
    "probe_magic": 0.03,
    "probe_out_of_range": 0.03,
    "probe_stuck": 0.03,
    "probe_jumps": 0.03,
    "probe_noisy": 0.03,
    "probe_drifts": 0.03,
    "probes_swapped": 0.03,
    "samples_lost": 0.15,
    "samples_late": 0.1,
    "samples_doubled": 0.05,
    "gateway_killed_between_minutes": 0.03,
    "clock_set_while_judged": 0.01,
    "uplink_cut_in_quarantine": 0.3,
}
PEOPLE = {
    "food_inspected": 0.15,
    "shown_at_a_stalled_locker": 0.15,
    "shown_at_a_cut_off_locker": 0.03,
    "looked_at_while_collected": 0.08,
    "ended_code_shown": 0.5,
    "scanned_twice": 0.15,
    "scanned_at_two_lockers": 0.08,
    "came_too_early": 0.1,
    "walked_away": 0.05,
    "came_again_after_collecting": 0.15,
    "forgot_a_bag": 0.05,
    "shut_at_once": 0.03,
    "door_left_open": 0.03,
    "bags_swapped": 0.1,
    "code_shared": 0.05,
    "code_stolen": 0.03,
    "typed_wrong": 0.05,
    "code_forged": 0.03,
    "code_mutated": 0.03,
    "code_of_another_site": 0.03,
    "code_reissued": 0.12,
    "old_code_shown": 0.5,
    "code_revoked": 0.04,
    "code_revoked_at_the_door": 0.04,
    "order_cancelled": 0.05,
    "order_cancelled_while_loaded": 0.06,
    "order_cancelled_at_the_door": 0.06,
    "planned_again": 0.04,
    "two_drivers_one_label": 0.1,
    "two_drivers_one_door": 0.2,
    "driver_wants_another_door": 0.06,
    "driver_goes_away": 0.04,
    "loaded_behind_another_door": 0.1,
    "handed_over": 0.06,
    "rescued": 0.03,
    "opened_from_afar": 0.02,
    "door_declared_broken": 0.004,
    "never_collected": 0.06,
    "keys_rotated": 0.002,
}
# These follow from others; they are counted where they are seen.
FOLLOW = (
    "broker_lost_acknowledged",
    "session_taken_over",
    "journal_torn",
    "contact_bounced",
    "door_stayed_shut",
    "two_doors_at_once",
    "code_shown_hours_later",
    "door_open_for_long",
    "food_released",
    "food_discarded",
)
FAULTS = {**COLD, **NETWORK, **PROCESSES, **DISKS, **CLOCKS, **DOORS, **PEOPLE, **dict.fromkeys(FOLLOW, 0.0)}
# Things a person may do or not are there in every run; machines' faults are drawn.
ALWAYS = frozenset(PEOPLE)
SHARE_ON = 0.35
MINUTES = next(iter(COLD))


class Chaos:
    """The faults of one run."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.active = True
        self.counts: Counter[str] = Counter()
        self._rates: dict[str, float] = {}
        for name, rate in FAULTS.items():
            self._rates[name] = self._draw(name, rate)

    def strikes(self, name: str, factor: float = 1.0) -> bool:
        """True when this fault happens now; then it is counted, and somebody must make it happen."""
        rate = self._rates[name]
        if rate > 0 and self.active and self._kernel.rng.random() < rate * factor:
            self.counts[name] += 1
            return True
        return False

    def allows(self, name: str, factor: float = 1.0) -> bool:
        """True when this fault may be tried now; whoever does it counts it by `happened`."""
        rate = self._rates[name]
        return self.active and rate > 0 and self._kernel.rng.random() < rate * factor

    def may(self, name: str) -> bool:
        """True when this run has this fault at all."""
        return self._rates[name] > 0

    def happened(self, name: str) -> None:
        """Count a fault that was really brought about."""
        self.counts[name] += 1

    def _draw(self, name: str, rate: float) -> float:
        if name in ALWAYS:
            return rate
        if name in COLD and self._rates.get(MINUTES) == 0:
            return 0.0  # in two minutes nothing warms
        chosen = self._kernel.chance(SHARE_ON)
        return rate * (0.5 + 2 * self._kernel.rng.random()) if chosen else 0.0
