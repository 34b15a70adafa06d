"""People and networks in files that a scenario or a command names."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments import ensemble, sweep
from cosignal.simulator.experiments.jobs import job_key, setting_of
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.own import Population
from cosignal.simulator.saved import digest, load, save
from cosignal.simulator.scenarios import read_scenario, write_scenario
from cosignal.simulator.simulation import Sim
from cosignal.simulator.verification import run_again
from tests.simulator.sample_people import are_same

SCENARIO = """
days = 15
[population]
people = "people.csv"
networks = ["school.csv", "friends.csv"]
[disease]
seeds = 20
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario with its files; 300 people in households of three."""
    rows = [f"p{i},{(38, 41, 9)[i % 3]},h{i // 3}" for i in range(300)]
    _write(tmp_path / "people.csv", "person,age,household", rows)
    pupils = [f"p{i},p{i + 3},school" for i in range(2, 290, 3)]
    _write(tmp_path / "school.csv", "person_a,person_b,layer", pupils)
    friends = [f"p{i},p{(7 * i + 5) % 300},0.5" for i in range(0, 300, 3)]
    _write(tmp_path / "friends.csv", "person_a,person_b,rate", friends)
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    return tmp_path


def _write(path: Path, head: str, rows: list[str]) -> None:
    path.write_text("\n".join([head, *rows]) + "\n")


def test_a_scenario_names_files_from_its_own_folder(folder: Path) -> None:
    parameters = read_scenario(folder / "scenario.toml")

    people = Sim(parameters=parameters).people

    given = Population.from_csv(
        folder / "people.csv",
        network=[folder / "school.csv", folder / "friends.csv"],
        parameters=parameters,
    )
    assert are_same(given.people, people)
    assert len(people.age) == 300
    assert len(people.network_others) == 2 * (96 + 100)


def test_a_population_is_taken_as_it_is(folder: Path) -> None:
    town = Population.from_csv(folder / "people.csv")

    assert Sim(population=town).people is town.people
    assert Sim(population=town.people).people is town.people
    with pytest.raises(UsageError, match="expected a Population or People, got str"):
        Sim(population="people.csv")  # type: ignore[arg-type]


def test_a_result_of_own_people_runs_again_wherever_its_folder_is(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    results = Sim(parameters=read_scenario(folder / "scenario.toml")).run()
    (folder / "out").mkdir()
    for name in ("out/r.json", "out/folder"):
        save(results, folder / name)
    moved = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.move(folder, moved)

    for name in ("out/r.json", "out/folder"):
        saved = load(moved / name)
        assert [Path(path).name for path, _ in saved.files] == [
            "people.csv",
            "school.csv",
            "friends.csv",
        ]
        assert saved.agents == 300
        assert saved.digest == digest(run_again(saved))


def test_other_people_are_refused_by_name(folder: Path) -> None:
    save(
        Sim(parameters=read_scenario(folder / "scenario.toml")).run(), folder / "r.json"
    )
    saved = load(folder / "r.json")
    shutil.copy(folder / "people.csv", folder / "copy.csv")
    text = (folder / "people.csv").read_text()
    (folder / "people.csv").write_text(text.replace("p0,38", "p0,39"))

    with pytest.raises(UsageError, match=r"people\.csv: expected the file of the run"):
        run_again(saved)
    assert saved.digest == digest(run_again(saved, folder / "copy.csv"))
    with pytest.raises(UsageError, match=r"friends\.csv: expected the file of the run"):
        run_again(
            saved, folder / "copy.csv", [folder / "friends.csv", folder / "school.csv"]
        )
    with pytest.raises(UsageError, match=r"people: expected .*, as the result says"):
        run_again(saved, folder / "copy.csv", [folder / "school.csv"])


def test_people_are_refused_where_a_result_had_none(folder: Path) -> None:
    parameters = Parameters(days=2).with_values({"population.agents": 200})
    save(Sim(parameters=parameters).run(), folder / "r.json")

    with pytest.raises(UsageError, match="expected no files of people"):
        run_again(load(folder / "r.json"), folder / "people.csv")


def test_a_file_that_is_not_there_is_named_before_the_first_run(folder: Path) -> None:
    (folder / "school.csv").unlink()

    with pytest.raises(UsageError, match=r"school\.csv: expected a file of people or"):
        sweep(read_scenario(folder / "scenario.toml"), {"app.adoption": [0.0]})


def test_a_path_with_a_zero_character_is_refused() -> None:
    parameters = Parameters().with_values({"population.people": "a\0b.csv"})

    with pytest.raises(UsageError, match=r"expected a file of people or .*null"):
        Sim(parameters=parameters).run()


def test_a_pipe_is_read_once_and_its_digest_is_of_what_came_out(folder: Path) -> None:
    text = (folder / "people.csv").read_bytes()
    out, into = os.pipe()
    os.write(into, text)
    os.close(into)
    named = {"population.people": f"/dev/fd/{out}", "days": 1}

    sim = Sim(parameters=Parameters().with_values(named))

    assert len(sim.people.age) == 300
    os.close(out)
    assert sim.run().files[0][1] == hashlib.sha256(text).hexdigest()


def test_blank_last_lines_are_nothing(folder: Path) -> None:
    with (folder / "people.csv").open("a") as file:
        file.write("\n\r\n")

    assert len(Population.from_csv(folder / "people.csv").people.age) == 300


def test_a_name_that_is_too_long_is_refused_by_row_and_column(folder: Path) -> None:
    with (folder / "people.csv").open("a") as file:
        file.write(f"p300,9,{'x' * 101}\n")

    with pytest.raises(
        UsageError, match=r"line 302: expected 'household' of at most 100 .*, got 101"
    ):
        Population.from_csv(folder / "people.csv")
    people = {"person": np.array(["x" * 101], object), "age": [1], "household": [1]}
    with pytest.raises(UsageError, match=r"people, row 1: expected 'person' of at"):
        Population.from_frame(people)


def test_networks_of_nobody_are_refused() -> None:
    with pytest.raises(UsageError, match=r"population\.networks: expected population"):
        Parameters().with_values({"population.networks": ["friends.csv"]})


def test_a_pair_that_two_files_have_is_named(folder: Path) -> None:
    _write(folder / "friends.csv", "person_a,person_b,layer", ["p5,p2,school"])
    parameters = read_scenario(folder / "scenario.toml")

    with pytest.raises(UsageError, match=r"friends\.csv, line 2: expected each pair"):
        Sim(parameters=parameters).run()


def test_a_study_has_the_people_of_the_files_on_any_number_of_workers(
    folder: Path,
) -> None:
    parameters = read_scenario(folder / "scenario.toml")

    one = ensemble(parameters, replicates=2, workers=1)
    two = ensemble(parameters, replicates=2, workers=2)

    alone = Sim(parameters=parameters.with_values({"seed": 2})).run()
    expected = repr(alone.summary())
    assert expected == repr(dict(one.outcomes[0, 1].summary))
    assert expected == repr(dict(two.outcomes[0, 1].summary))


def test_a_study_s_folder_tells_files_by_what_they_hold(folder: Path) -> None:
    parameters = read_scenario(folder / "scenario.toml")
    before = job_key(setting_of(parameters), {})
    shutil.copytree(folder, folder / "copy")
    text = (folder / "friends.csv").read_text()
    (folder / "friends.csv").write_text(text.replace("0.5", "0.6"))

    copied = setting_of(read_scenario(folder / "copy" / "scenario.toml"))
    changed = setting_of(read_scenario(folder / "scenario.toml"))

    assert before == job_key(copied, {})
    assert before != job_key(changed, {})


@pytest.mark.parametrize("name", ["population.people", "population.networks"])
def test_files_are_not_varied(name: str, folder: Path) -> None:
    parameters = read_scenario(folder / "scenario.toml")
    values = "people.csv" if name.endswith("people") else ["friends.csv"]

    with pytest.raises(UsageError, match=f"expected parameters other than {name}"):
        sweep(parameters, [{name: values}], replicates=1)


def test_what_own_people_decide_cannot_be_varied_behind_them(folder: Path) -> None:
    base = Sim(population=Population.from_csv(folder / "people.csv"))

    with pytest.raises(UsageError, match=r"change own people, got population\.agents"):
        sweep(base, {"population.agents": [200, 300]}, replicates=1)


def test_beta_that_is_given_reaches_the_runs_and_cannot_be_varied_behind(
    folder: Path,
) -> None:
    del folder
    base = Sim("FR", agents=500, days=10, beta=0.0)

    found = ensemble(base, replicates=1, workers=1)

    assert found.values("infections", 0).tolist() == [100]
    with pytest.raises(UsageError, match=r"change a run, got disease\.r0"):
        sweep(base, {"disease.r0": [1.0, 2.0]}, replicates=1)


def test_a_study_does_not_pass_over_analysers() -> None:
    base = Sim("FR", agents=500, days=3, analysers=[print])

    with pytest.raises(UsageError, match="expected a Sim without analysers"):
        ensemble(base, replicates=1)


def test_a_scenario_with_files_is_written_and_read_again(folder: Path) -> None:
    parameters = read_scenario(folder / "scenario.toml")

    (folder / "again.toml").write_text(write_scenario(parameters))

    assert parameters == read_scenario(folder / "again.toml")


def test_a_result_says_what_it_was_made_of(folder: Path) -> None:
    save(
        Sim(parameters=read_scenario(folder / "scenario.toml")).run(), folder / "r.json"
    )

    value = json.loads((folder / "r.json").read_text())

    assert value["scenario"]["population.people"] == "people.csv"
    assert [item["path"] for item in value["files"]] == [
        "people.csv",
        "school.csv",
        "friends.csv",
    ]
    assert {len(item["sha256"]) for item in value["files"]} == {64}
