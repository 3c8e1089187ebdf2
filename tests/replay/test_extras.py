"""What people do beside: drawn from seed and name alone, as often as the shares say, and everything in a short run."""

from collections import Counter

from app.replay.extras import CANCELS, CLAIMS, EDITS, Cancels, Claims, Edits, Extras, Handles, Wants

NAMES = [str(number) for number in range(6_000)]


def test_the_same_seed_and_name_want_the_same_and_another_seed_does_not() -> None:
    first, again, other = ([Extras(seed).wants(name) for name in NAMES[:300]] for seed in (1, 1, 2))
    assert first == again != other


def test_each_kind_happens_dozens_of_times_in_thousands_of_orders_and_most_people_do_nothing() -> None:
    wants = [Extras(7).wants(name) for name in NAMES]
    drawn = Counter[str]()
    for each in wants:
        drawn.update([f"edits {each.edits}", f"cancels {each.cancels}", f"claims {each.claims}"])
    for name, shares in (("edits", EDITS), ("cancels", CANCELS), ("claims", CLAIMS)):
        for kind, share in shares.items():
            assert 0.6 * share < drawn[f"{name} {kind}"] / len(NAMES) < 1.5 * share
    quiet = Wants()
    plain = [
        each for each in wants if (each.edits, each.cancels, each.claims) == (quiet.edits, quiet.cancels, quiet.claims)
    ]
    assert len(plain) > len(NAMES) / 2


def test_a_biased_draw_still_leaves_somebody_who_does_nothing() -> None:
    wants = [Extras(7, often=50).wants(name) for name in NAMES[:500]]
    assert {each.edits for each in wants} == set(Edits)
    assert {each.cancels for each in wants} == set(Cancels)
    assert {each.claims for each in wants} == set(Claims)
    assert {Extras(7, often=50).handles(name, 1) for name in NAMES[:500]} == set(Handles)
