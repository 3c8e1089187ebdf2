"""A controller's samples, pure: which are due, which are held, and what a report tells of them.

Every 10 s of civil time one sample, numbered from 1 in each boot; a run of them never has a hole, so a report needs
one age only. The newest are held, sent or not, for a gateway that was away. It judges no value and reads no clock.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from firmware_sim.signals import Sample, ZoneSample
from locker_protocol.clock import Now
from locker_protocol.telemetry import MAX_SAMPLES, SAMPLE_EVERY_MS, ZoneSamples

# Four hours; four zones take 24 KiB of it where a temperature is two bytes.
SAMPLES_HELD = 1_440
# Thirty seconds of them go together.
TOGETHER = 3
# A civil clock that runs fast makes more than one sample in this time; then it is looked at so often.
LOOK_EVERY_MS = 1_000
BEHIND_LOOK_MS = 100
# A beat is answered within a second. After a while without an echo what was sent since the last is sent again, after a
# longer one everything: the gateway may have lost its memory.
ECHO_MISSED_MS = 5_000
GATEWAY_AWAY_MS = 30_000
# A civil clock that jumped further than this leaves a gap: nobody waits for the samples of a year.
CAUGHT_UP_MS = 2 * 86_400_000


@dataclass(slots=True)
class Sampling:
    """Samples of one boot. `at_ms`: the civil time of the newest.

    `sent_no`: the last one handed to the broker; `heard_no`: what that was when the last echo came.
    """

    at_ms: int
    held: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES_HELD))
    last_no: int = 0
    sent_no: int = 0
    heard_no: int = 0
    energy_wh: int | None = None
    look_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Samples that go out together, oldest first."""

    first_no: int
    age_ms: int
    zones: list[ZoneSamples]


def due_samples(sampling: Sampling, now: Now) -> tuple[int, ...]:
    """Civil times for which a sample is due, at most as many as a report takes; sets when to look again."""
    if now.civil_ms < sampling.at_ms:
        _start_again(sampling, now.civil_ms - SAMPLE_EVERY_MS)
    elif now.civil_ms - sampling.at_ms > CAUGHT_UP_MS:
        _start_again(sampling, now.civil_ms - CAUGHT_UP_MS)
    count = (now.civil_ms - sampling.at_ms) // SAMPLE_EVERY_MS
    sampling.look_ms = None
    if count > 1:
        sampling.look_ms = now.monotonic_ms + (BEHIND_LOOK_MS if count > MAX_SAMPLES else LOOK_EVERY_MS)
    return tuple(sampling.at_ms + (each + 1) * SAMPLE_EVERY_MS for each in range(min(count, MAX_SAMPLES)))


def keep_samples(sampling: Sampling, samples: tuple[Sample, ...], *, energy_wh: int | None) -> None:
    """Number and hold what was read at the times that were due."""
    sampling.held.extend(samples)
    sampling.last_no += len(samples)
    sampling.at_ms += len(samples) * SAMPLE_EVERY_MS
    sampling.energy_wh = energy_wh


def send_all_again(sampling: Sampling) -> None:
    """Whoever listens now may have heard none of what is held."""
    sampling.sent_no = sampling.heard_no = sampling.last_no - len(sampling.held)


def heard(sampling: Sampling, *, silent_ms: int) -> None:
    """An echo came, so long after the last: what was sent since that one may have reached nobody."""
    if silent_ms > GATEWAY_AWAY_MS:
        send_all_again(sampling)
    elif silent_ms > ECHO_MISSED_MS:
        sampling.sent_no = min(sampling.sent_no, sampling.heard_no)
    sampling.heard_no = sampling.sent_no


def next_runs(sampling: Sampling, now: Now) -> list[Run]:
    """Everything not sent, once it is enough to be worth a message; it counts as sent from here on."""
    first_no = max(sampling.sent_no, sampling.last_no - len(sampling.held)) + 1
    if sampling.last_no - first_no + 1 < TOGETHER:
        return []
    sampling.sent_no = sampling.last_no
    return [_run(sampling, no, now) for no in range(first_no, sampling.last_no + 1, MAX_SAMPLES)]


def _run(sampling: Sampling, first_no: int, now: Now) -> Run:
    skip = first_no - (sampling.last_no - len(sampling.held) + 1)
    samples = list(islice(sampling.held, skip, skip + MAX_SAMPLES))
    after = sampling.last_no - (first_no + len(samples) - 1)
    age_ms = max(0, now.civil_ms - sampling.at_ms) + after * SAMPLE_EVERY_MS
    return Run(first_no, age_ms, [_zone([sample[at] for sample in samples]) for at in range(len(samples[0]))])


def _zone(samples: list[ZoneSample]) -> ZoneSamples:
    return ZoneSamples(
        samples[0].zone,
        [each.air_c for each in samples],
        [each.product_c for each in samples],
        [each.cooling for each in samples],
        [each.defrosting for each in samples],
    )


def _start_again(sampling: Sampling, at_ms: int) -> None:
    """The civil clock was set: what is held has no age any more. Numbers go on."""
    sampling.held.clear()
    sampling.sent_no, sampling.at_ms = sampling.last_no, at_ms
