import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.interventions import App
from cosignal.simulator.interventions.app.adoption import (
    adopters,
    installations,
    users_by_day,
)
from cosignal.simulator.interventions.app.intervention import has_app, install
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, FATAL, INFECTED
from cosignal.simulator.streams import stream_key
from tests.simulator.quiet_runs import everybody, ids, quiet

STREAM = stream_key(1, "app.adoption")
#: 40,000 pairs of one household each, ages 0 to 89, two regions.
PAIRS = 40_000
AGES = np.repeat(np.arange(PAIRS) % 90, 2).astype(np.uint8)
HOUSEHOLD = np.repeat(np.arange(PAIRS), 2).astype(np.int32)
REGION = (np.arange(2 * PAIRS) >= PAIRS).astype(np.uint16)
EQUAL = (0.5,) * 9


def adopting(
    **values: Any,  # noqa: ANN401 - any parameter
) -> npt.NDArray[np.bool_]:
    return adopters(AGES, HOUSEHOLD, REGION, AppParameters(**values), STREAM)


@pytest.mark.parametrize("adoption", [0.0, 0.013, 0.28, 0.8, 1.0])
@pytest.mark.parametrize("clustering", [0.0, 0.4, 1.0])
def test_the_share_with_the_app_is_exact(adoption: float, clustering: float) -> None:
    chosen = adopting(adoption=adoption, clustering=clustering)

    assert round(adoption * 2 * PAIRS) == chosen.sum()


def test_adoption_is_proportional_to_the_share_with_a_phone() -> None:
    """False alarm: below 1e-5; five standard errors, of nine age bands."""
    by_age = AppParameters().by_age
    chosen = adopting(adoption=0.28, clustering=0.0)

    expected = 0.28 * np.array(by_age) / np.mean(by_age)
    band = AGES // 10
    shares = np.bincount(band, chosen) / np.bincount(band)
    error = np.sqrt(expected * (1 - expected) / np.bincount(band))
    assert (np.abs(shares - expected) < 5 * error + 0.002).all()


def test_where_all_have_it_other_ages_make_up_for_the_rest() -> None:
    chosen = adopting(adoption=0.93, by_age=(0.1, *[0.9] * 8), clustering=0.0)

    band = AGES // 10
    assert chosen[band > 0].all()
    assert 0 < chosen[band == 0].mean() < 1


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("adoption", [0.2, 0.6])
def test_household_members_correlate_as_asked_for(rho: float, adoption: float) -> None:
    """False alarm: below 1e-5; five standard errors of a correlation."""
    chosen = adopting(adoption=adoption, clustering=rho, by_age=EQUAL)

    first, second = chosen[0::2], chosen[1::2]
    measured = float(np.corrcoef(first, second)[0, 1])
    assert abs(measured - rho) < 5 / math.sqrt(PAIRS) * 1.5


def test_strangers_do_not_correlate() -> None:
    """False alarm: below 1e-6; five standard errors."""
    chosen = adopting(adoption=0.4, clustering=0.9, by_age=EQUAL)

    measured = float(np.corrcoef(chosen[1:-1:2], chosen[2::2])[0, 1])
    assert abs(measured) < 5 / math.sqrt(PAIRS)


def test_whoever_has_it_has_it_at_every_higher_adoption() -> None:
    before = np.zeros(2 * PAIRS, np.bool_)
    for adoption in (0.1, 0.15, 0.5, 0.95):
        now = adopting(adoption=adoption)

        assert not (before & ~now).any()
        before = now


def test_regions_may_differ() -> None:
    even = adopting(adoption=0.4, by_age=EQUAL)
    uneven = adopting(adoption=0.4, by_age=EQUAL, regional_spread=1.0)

    def gap(chosen: npt.NDArray[np.bool_]) -> float:
        return abs(float(chosen[:PAIRS].mean() - chosen[PAIRS:].mean()))

    assert gap(even) < 0.02
    assert gap(uneven) > 0.05
    assert uneven.sum() == even.sum()


def test_more_people_than_have_a_phone_are_refused() -> None:
    with pytest.raises(UsageError, match=r"app.adoption: expected at most 0.88"):
        adopting(adoption=0.95, by_age=(0.0, *[0.5] * 8))


def test_people_install_during_the_ramp_and_remove_it_at_the_rate() -> None:
    """False alarm: below 1e-5; five standard errors."""
    app = AppParameters(start=5, ramp=20, uninstall=0.05)
    everyone = np.ones(2 * PAIRS, np.bool_)
    since, until = installations(everyone, app, STREAM)

    assert {*range(5, 25)} == set(since.tolist())
    assert abs((since == 9).mean() - 0.05) < 5 * math.sqrt(0.05 / len(since))
    kept = until.astype(np.int64) - since
    assert kept.min() == 1
    assert abs(kept.mean() - 20) < 5 * kept.std() / math.sqrt(len(kept))
    assert abs((kept > 10).mean() - 0.95**10) < 5 * math.sqrt(0.25 / len(kept))


def test_users_by_day_are_those_who_have_it() -> None:
    app = AppParameters(adoption=0.5, start=3, ramp=10, uninstall=0.1)
    sim = quiet(0, days=40, agents=500)
    install(sim, app)

    expected = [int(has_app(sim, everybody(sim), day).sum()) for day in range(40)]

    assert expected == sim.record.series("app_users").tolist()
    assert expected[2] == 0
    assert 0 < expected[39] < max(expected)


def users_by_age(sim: Sim, day: int) -> list[int]:
    using = has_app(sim, everybody(sim), day) & (sim.state.status != DEAD)
    bands = np.minimum(sim.people.age // 10, 8)
    found: list[int] = np.bincount(bands[using], minlength=9).tolist()
    return found


def test_users_are_counted_by_age_and_alive_whichever_app_is_in_force() -> None:
    early = AppParameters(adoption=0.6, start=2, ramp=25, uninstall=0.02)
    apps = (App(early, start=1, stop=18), App(early, start=22, stop=35))
    sim = quiet(days=40, agents=2000)
    sim.own_interventions = apps
    expected = []
    for day in range(40):
        # Fifty die a day: what was begun yesterday ends today.
        dying = np.arange(30 * day, 30 * day + 50, dtype=np.int32)
        dying = dying[sim.state.status[dying] != DEAD]
        sim.state.status[dying], sim.state.course[dying] = INFECTED, FATAL
        sim.outbreak._queues["end"].put(day, dying)
        sim.step()
        acting = 1 <= day < 18 or 22 <= day < 35
        expected.append(users_by_age(sim, day) if acting else [0] * 9)

    assert sim.record.by_age["app_users"].tolist() == expected
    assert sum(expected[17]) > sum(expected[34]) > 0
    assert (sim.state.status == DEAD).sum() > 1000


def test_nothing_is_removed_where_nobody_uninstalls() -> None:
    since, until = installations(
        np.array([True, False]), AppParameters(start=2), STREAM
    )

    assert since.tolist() == [2, -1]
    assert until.tolist() == [-1, -1]
    found = users_by_day(since, until, np.array([3, 3], np.uint8), range(1, 4))
    assert found[:, 3].tolist() == [0, 1, 1]
    assert found.sum() == 2


def test_an_own_rule_of_adoption_is_left_alone() -> None:
    sim = quiet(0)
    sim.state.app_from[7] = 4

    install(sim, AppParameters(adoption=0.5))

    assert np.flatnonzero(sim.state.app_from >= 0).tolist() == [7]
    assert has_app(sim, ids(7, 8), 4).tolist() == [True, False]
