import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments import calibrate, ensemble, sensitivity, sweep
from cosignal.simulator.experiments.jobs import Outcome, job_key, run_job, setting_of
from cosignal.simulator.experiments.study import Study
from cosignal.simulator.interventions import Intervention
from cosignal.simulator.interventions.defaults import defaults
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.simulation import Sim

BASE = Parameters().with_values(
    {
        "population.agents": 1_000,
        "days": 20,
        "disease.seeds": 20,
        "disease.r0": 4.0,
        "seed": 7,
    }
)
ADOPTIONS = {"app.adoption": [0.0, 0.6]}


@dataclass
class Lockdown:
    """An intervention of the user's own."""

    factor: float
    start: int = 0
    stop: int | None = None

    def apply(self, sim: Sim, day: int) -> None:
        del day
        sim.factors[1:] *= self.factor


def locked(factor: float) -> Callable[[Parameters], list[Intervention]]:
    """Functions of one name that do not do the same."""

    def mine(parameters: Parameters) -> list[Intervention]:
        return [*defaults(parameters), Lockdown(factor)]

    return mine


@pytest.fixture(scope="module")
def study() -> Study:
    return sweep(BASE, ADOPTIONS, replicates=3, workers=1)


def test_any_number_of_workers_gives_the_same(study: Study) -> None:
    again = sweep(BASE, ADOPTIONS, replicates=3, workers=2)

    assert study.finished == study.total == again.finished == 6
    for place, outcome in study.outcomes.items():
        assert repr(dict(outcome.summary)) == repr(dict(again.outcomes[place].summary))
        for name, row in outcome.series.items():
            assert row.tolist() == again.outcomes[place].series[name].tolist()


def test_a_cluster_gives_the_same(study: Study) -> None:
    pytest.importorskip("distributed")
    from dask import distributed  # noqa: PLC0415 - an extra

    with (
        distributed.LocalCluster(
            n_workers=1, processes=False, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        address = cluster.scheduler_address
        again = sweep(BASE, ADOPTIONS, replicates=3, workers=address)

    found = again.outcomes[1, 2].summary
    assert repr(dict(study.outcomes[1, 2].summary)) == repr(dict(found))


def test_a_cluster_of_processes_gives_the_same_fit() -> None:
    pytest.importorskip("distributed")
    pytest.importorskip("optuna")
    fits = [
        calibrate(
            BASE,
            {"infections": [20.0, 5.0, 9.0]},
            {"disease.r0": (1.0, 6.0)},
            trials=5,
            replicates=1,
            workers=workers,
        )
        for workers in (1, "dask")
    ]

    assert fits[0].distances.tolist() == fits[1].distances.tolist()


def test_a_run_of_a_study_is_the_run_that_its_seed_gives(study: Study) -> None:
    parameters = BASE.with_values({"app.adoption": 0.6, "seed": 9})

    alone = Sim(parameters=parameters).run()

    assert repr(alone.summary()) == repr(dict(study.outcomes[1, 2].summary))


def test_replicates_differ_by_seed_alone(study: Study) -> None:
    seen = {
        study.outcomes[0, replicate].summary["infections"] for replicate in (0, 1, 2)
    }

    assert len(seen) == 3
    own = study.values("infections", 0)
    assert (own - own).tolist() == [0, 0, 0]
    assert study.difference("infections", 0, 0).mean == 0


def test_differences_are_taken_seed_by_seed(study: Study) -> None:
    ours, theirs = study.values("infections", 1), study.values("infections", 0)

    found = study.difference("infections", "app.adoption=0.6", {"app.adoption": 0.0})

    assert float((ours - theirs).mean()) == pytest.approx(found.mean)


def test_a_folder_goes_on_where_it_ended(tmp_path: Path, study: Study) -> None:
    sweep(BASE, ADOPTIONS, replicates=1, workers=1, folder=tmp_path)
    lines = (tmp_path / "runs.jsonl").read_bytes()

    again = sweep(BASE, ADOPTIONS, replicates=3, workers=1, folder=tmp_path)

    after = (tmp_path / "runs.jsonl").read_bytes()
    assert after.startswith(lines)
    assert (lines.count(b"\n"), after.count(b"\n")) == (2, 6)
    assert str(study.table(0)) == str(again.table(0))


def test_a_key_holds_all_that_decides_a_run() -> None:
    setting, own = setting_of(BASE), setting_of(Sim(parameters=BASE, interventions=[]))
    keys = [
        job_key(setting, {"seed": 1}),
        job_key(setting, {"seed": 2}),
        job_key(setting, {"seed": 1, "app.adoption": 0.1}),
        job_key(setting_of(Sim(parameters=BASE, interventions=[Lockdown(0.5)])), {}),
        job_key(setting_of(Sim(parameters=BASE, interventions=[Lockdown(0.6)])), {}),
        job_key(setting_of(Sim(parameters=BASE, interventions=locked(0.5))), {}),
        job_key(setting_of(Sim(parameters=BASE, interventions=locked(0.6))), {}),
        job_key(setting_of(Sim(parameters=BASE, beta=0.1)), {}),
        job_key(own, {}),
    ]

    assert len(set(keys)) == len(keys)
    assert keys[0] == job_key(setting, {"seed": 1})
    assert own.interventions == ()


def test_own_interventions_act_in_every_run() -> None:
    closed = Sim(parameters=BASE, interventions=[Lockdown(0.0)])

    found = ensemble(closed, replicates=1, workers=1)

    outcome = found.outcomes[0, 0].summary
    assert outcome["share_household"] == 1
    assert outcome["infections"] < run_job(setting_of(BASE), {}).summary["infections"]


def planned(parameters: Parameters) -> list[Intervention]:
    return [*defaults(parameters), Lockdown(0.9)]


def test_what_built_in_interventions_hold_cannot_be_varied_behind_them() -> None:
    base = Sim(parameters=BASE, interventions=planned(BASE))

    with pytest.raises(UsageError, match=r"that interventions do not hold, got app\."):
        sweep(base, ADOPTIONS, replicates=1)


def test_a_function_makes_interventions_of_each_runs_parameters() -> None:
    base = Sim(parameters=BASE, interventions=planned)

    found = sweep(base, ADOPTIONS, replicates=1, workers=2)

    assert found.values("alerts", 0).tolist() == [0]
    assert found.values("alerts", 1)[0] > 0


@dataclass
class Growing:
    """An intervention that remembers."""

    start: int = 0
    stop: int | None = None
    days: int = 0

    def apply(self, sim: Sim, day: int) -> None:
        del day
        self.days += 1
        sim.factors[:] *= 0 if self.days > BASE.days else 1


def test_what_an_intervention_remembers_does_not_reach_the_next_run() -> None:
    base = Sim(parameters=BASE, interventions=[Growing()])

    one = ensemble(base, replicates=2, workers=1)
    two = ensemble(base, replicates=2, workers=2)

    assert str(one.table(measures=["infections"])) == str(
        two.table(measures=["infections"])
    )


def test_sensitivity_changes_one_parameter_at_a_time() -> None:
    found = sensitivity(BASE, {"disease.r0": (1.0, 8.0)}, replicates=2, workers=1)

    assert list(found.points) == [{}, {"disease.r0": 1.0}, {"disease.r0": 8.0}]
    assert found.difference("infections", 1, 0).mean < 0
    assert found.difference("infections", 2, 0).mean > 0


@pytest.mark.parametrize(
    ("values", "replicates", "message"),
    [
        ({"app.adoption": [0.1, 1.5]}, 2, "app.adoption: expected 0 to 1, got 1.5"),
        ({"app.adopt": [0.1]}, 2, "app.adopt: expected a parameter"),
        ({"seed": [1, 2]}, 2, "values: expected parameters other than seed"),
        ({"app.adoption": []}, 2, "values: expected at least one point"),
        ({"app.adoption": [0.1, 0.1]}, 2, "values: expected each point once"),
        ({"app.adoption": [0.1]}, 0, "replicates: expected 1 or more"),
    ],
)
def test_a_study_is_checked_before_its_first_run(
    values: dict[str, list[float]], replicates: int, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        sweep(BASE, values, replicates=replicates)

    assert str(caught.value).startswith(message)


def test_only_a_scenario_can_be_varied() -> None:
    with pytest.raises(UsageError, match="base: expected a Sim or Parameters, got str"):
        sweep("FR", {"app.adoption": [0.1]})


def made(
    points: list[dict[str, float]], figures: dict[tuple[int, int], float]
) -> Study:
    outcomes = {
        place: Outcome(
            {"deaths": value, "days": 2 * value}, {"infections": np.ones(20)}
        )
        for place, value in figures.items()
    }
    return Study(setting_of(BASE), points, 3, outcomes)


def test_what_is_not_finished_is_left_out_and_counted() -> None:
    found = made([{"app.adoption": 0.0}], {(0, 0): 4.0, (0, 2): 6.0})

    assert (found.finished, found.total) == (2, 3)
    assert found.values("deaths", 0)[[0, 2]].tolist() == [4.0, 6.0]
    assert math.isnan(found.values("deaths", 0)[1])
    assert found.series("infections", 0).shape == (2, 20)


def test_what_one_averted_costs_is_a_ratio_of_means() -> None:
    points = [{"app.adoption": 0.0}, {"app.adoption": 0.5}]
    figures = {(0, 0): 10.0, (0, 1): 20.0, (0, 2): 30.0}
    figures |= {(1, 0): 8.0, (1, 1): 14.0, (1, 2): 20.0}
    found = made(points, figures)

    assert pytest.approx(found.cost("days", "deaths", 1, 0).mean) == -2.0
    assert pytest.approx(found.reduction("deaths", 1, 0).mean) == 18 / 60


def test_a_point_is_found_by_what_it_changes() -> None:
    found = made(
        [{}, {"app.adoption": 0.0}, {"app.adoption": 0.5, "days": 9.0}], {(0, 0): 1.0}
    )

    assert [
        found.find("base"),
        found.find("app.adoption=0"),
        found.find("app.adoption=0.5"),
        found.find({"days": 9}),
    ] == [0, 1, 2, 2]


@pytest.mark.parametrize("point", ["app.adoption=0.7", 5, {"days": 1}, "x"])
def test_a_point_that_does_not_exist_is_refused(point: object) -> None:
    found = made([{"app.adoption": 0.0}], {(0, 0): 1.0})

    with pytest.raises(UsageError, match="point: expected one point of the study"):
        found.find(point)  # type: ignore[arg-type]


def test_a_figure_that_does_not_exist_is_refused() -> None:
    found = made([{"app.adoption": 0.0}], {(0, 0): 1.0})

    with pytest.raises(UsageError, match="measure: expected one of days, deaths"):
        found.values("death", 0)


def test_a_study_keeps_own_series_and_refuses_unknown_ones(study: Study) -> None:
    class Masks:
        start: int = 0
        stop: int | None = None

        def apply(self, sim: Sim, day: int) -> None:
            sim.record.add("masks", day, day)

    own = Sim(parameters=BASE.with_values({"days": 4}), interventions=[Masks()])

    found = ensemble(own, replicates=2, workers=1, progress=False)

    assert found.series("masks", 0).tolist() == [[0, 1, 2, 3]] * 2
    assert found.values("sum:masks", 0).tolist() == [6, 6]
    assert found.values("mean:masks", 0).tolist() == [1.5, 1.5]
    for ask in (study.series, study.sums, lambda x, p: study.values(f"sum:{x}", p)):
        with pytest.raises(UsageError, match="expected a daily series of the run"):
            ask("casess", 0)
    assert study.sums("infections", 0).tolist() == (
        study.values("infections", 0).tolist()
    )
