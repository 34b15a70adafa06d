import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cosignal.protocol.errors import UsageError, VerificationError
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.own import Population
from cosignal.simulator.results import Results
from cosignal.simulator.saved import digest, load, require_name, save
from cosignal.simulator.simulation import Sim
from cosignal.simulator.verification import differences, require_consistent, run_again
from cosignal.simulator.version import VERSION

PARAMETERS = Parameters().with_values(
    {
        "population.agents": 1_000,
        "days": 20,
        "disease.seeds": 30,
        "app.adoption": 0.7,
        "closures": [{"layer": "work", "factor": 0.5, "start": 10}],
    }
)


@pytest.fixture(scope="module")
def results() -> Results:
    return Sim(parameters=PARAMETERS).run()


@pytest.mark.parametrize("name", ["r.json", "r.parquet", "folder"])
def test_a_result_says_all_that_decided_it(
    name: str, results: Results, tmp_path: Path
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    save(results, tmp_path / name)

    saved = load(tmp_path / name)

    assert saved.parameters == PARAMETERS
    assert saved.version == VERSION
    assert digest(results) == saved.digest
    assert repr(results.summary()) == repr(dict(saved.summary))
    assert results.series("infections").tolist() == saved.series["infections"]


def test_a_result_runs_again_bit_for_bit(results: Results, tmp_path: Path) -> None:
    save(results, tmp_path / "r.json")

    again = run_again(load(tmp_path / "r.json"))

    assert digest(results) == digest(again)


def test_one_infection_more_is_another_digest(results: Results) -> None:
    before = digest(results)
    row = results.infections.infector
    row[-1] += 1
    changed = digest(results)
    row[-1] -= 1

    assert before == digest(results)
    assert before != changed


def test_a_parquet_file_has_a_column_for_each_series(
    results: Results, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    save(results, tmp_path / "r.parquet")

    table = parquet.read_table(tmp_path / "r.parquet")

    assert table.num_rows == 20
    assert results.series("alerts").tolist() == table["alerts"].to_pylist()


def test_a_folder_has_tables_for_everybody(results: Results, tmp_path: Path) -> None:
    save(results, tmp_path / "folder")

    head, *rows = (tmp_path / "folder" / "infections.csv").read_text().splitlines()
    assert head == "person,infector,day,layer,variant,since,phase"
    assert len(results.infections.person) == len(rows)
    days = (tmp_path / "folder" / "daily.csv").read_text().splitlines()
    assert days[0].startswith("day,")
    assert len(days) == 21


@dataclass
class Nothing:
    """An intervention of the user's own."""

    start: int = 0
    stop: int | None = None

    def apply(self, sim: Sim, day: int) -> None:
        del sim, day


def people() -> Population:
    columns = {"person": range(300), "age": [40] * 300, "household": range(300)}
    return Population.from_frame(columns)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"interventions": [Nothing()]}, r"tests\.simulator\.test_saved\.Nothing"),
        ({"interventions": []}, "interventions"),
        ({"population": people()}, "population"),
        ({"beta": 0.1}, "beta"),
    ],
)
def test_what_a_program_gave_is_named_and_not_run_again(
    given: dict[str, Any], name: str, tmp_path: Path
) -> None:
    results = Sim(parameters=PARAMETERS.with_values({"days": 2}), **given).run()
    save(results, tmp_path / "r.json")

    with pytest.raises(UsageError, match=f"got {name}"):
        run_again(load(tmp_path / "r.json"))


@pytest.mark.parametrize("name", ["r.txt", "none/r.json"])
def test_a_name_that_cannot_be_written_to_is_refused(
    name: str, results: Results, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--out: expected"):
        save(results, tmp_path / name)

    assert not list(tmp_path.iterdir())


def test_a_place_where_nothing_can_be_written_is_refused_before_the_run(
    tmp_path: Path,
) -> None:
    (tmp_path / "plain").touch()

    for name in ("plain", "plain/r.json"):
        with pytest.raises(
            UsageError, match=r"--out: expected a folder .*, got a file"
        ):
            require_name(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_refused_before_the_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(UsageError, match="got one that may not be written to"):
        require_name(tmp_path / "r.json")


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]", b'{"format": "other"}', b"\xff", b"null"]
)
def test_a_file_that_is_no_result_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(text)

    with pytest.raises(UsageError, match=r"r\.json: expected"):
        load(tmp_path / "r.json")


def test_a_result_of_impossible_parameters_is_refused(
    results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "r.json")
    value = json.loads((tmp_path / "r.json").read_text())
    value["scenario"]["app.adoption"] = 2
    (tmp_path / "r.json").write_text(json.dumps(value))

    with pytest.raises(UsageError, match=r"app\.adoption: expected 0 to 1, got 2"):
        load(tmp_path / "r.json")


def test_a_parquet_file_of_others_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"day": [1]}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"no parquet")

    for name in ("a.parquet", "b.parquet"):
        with pytest.raises(UsageError, match=rf"{name}: expected a "):
            load(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("summary", {"summary": {"deaths": 999}}),
        ("series", {"series": {}}),
        ("r_t", {"r_t": [77.0]}),
        ("digest", {"digest": "0" * 64}),
        ("seed", {"seed": None}),
        ("version", {"version": "99.0"}),
        ("agents", {"agents": 501}),
    ],
)
def test_whatever_is_changed_in_a_result_is_found(
    tmp_path: Path, name: str, change: dict[str, object]
) -> None:
    path = tmp_path / "r.json"
    save(Sim("FR", agents=500, days=5).run(), path)
    assert differences(load(path), run_again(load(path))) == {}
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    assert set(differences(load(path), run_again(load(path)))) == {name}


@pytest.mark.parametrize(
    "change",
    [{"remark": "all is well"}, {"agents": "500"}, {"agents": True}, {"r_t": [True]}],
)
def test_a_result_with_a_field_that_no_run_gives_is_refused(
    change: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "r.json"
    save(Sim("FR", agents=500, days=2).run(), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(UsageError, match=r"r\.json: expected "):
        load(path)


def test_a_name_that_stands_twice_is_refused(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    save(results, path)
    path.write_text(path.read_text().replace("{", '{"agents": 7, ', 1))

    with pytest.raises(UsageError, match=r"r\.json: expected "):
        load(path)


def test_the_first_day_and_series_that_differ_are_named(
    results: Results, tmp_path: Path
) -> None:
    path = tmp_path / "r.json"
    save(results, path)
    value = json.loads(path.read_text())
    value["series"]["infections"][3] += 5
    value["series"]["infections"][9] += 1
    value["summary"]["deaths"] = 999
    value["r_t"][11] = None
    path.write_text(json.dumps(value))

    found = differences(load(path), results)

    now = float(results.series("infections")[3])
    assert found == {
        "summary": f"deaths: 999.0 in the file, {results.summary()['deaths']!r} now",
        "series": f"infections on day 3: {now + 5!r} in the file, {now!r} now",
        "r_t": f"r_t on day 11: nan in the file, {results.r_t()[11].item()!r} now",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.pop("icu"), "a series 'icu' is missing"),
        (lambda rows: rows.update(x=[1]), "a series 'x' that no such run has"),
        (lambda rows: rows["day"].pop(), "day: 19 days in the file, 20 now"),
    ],
)
def test_a_series_too_much_or_too_few_is_named(
    change: Callable[[dict[str, list[float]]], object],
    words: str,
    results: Results,
    tmp_path: Path,
) -> None:
    path = tmp_path / "r.json"
    save(results, path)
    value = json.loads(path.read_text())
    change(value["series"])
    path.write_text(json.dumps(value))

    assert differences(load(path), results) == {"series": words}


def test_the_first_line_of_a_table_that_differs_is_named(
    results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "folder")
    path = tmp_path / "folder" / "daily.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], "9" + lines[4], *lines[5:]]) + "\n")

    found = differences(load(tmp_path / "folder"), results)

    assert found["daily.csv"].startswith("line 5: '93,")


def test_a_column_of_a_parquet_file_that_differs_is_named(
    results: Results, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "r.parquet"
    save(results, path)
    whole = parquet.read_table(path)
    column = whole["deaths"].to_pylist()
    changed = [*column[:7], column[7] + 1, *column[8:]]
    place = whole.column_names.index("deaths")
    parquet.write_table(whole.set_column(place, "deaths", pa.array(changed)), path)

    found = differences(load(path), results)

    assert found["columns"].startswith(f"deaths on day 7: {column[7] + 1!r} in")


def test_a_result_is_json_as_its_standard_has_it(
    results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "r.json")
    text = (tmp_path / "r.json").read_text()

    def refuse(name: str) -> None:
        raise AssertionError(name)

    value = json.loads(text, parse_constant=refuse)

    assert value["r_t"][0] is None
    assert math.isnan(load(tmp_path / "r.json").r_t[0])
    assert differences(load(tmp_path / "r.json"), results) == {}


def test_a_name_with_a_number_after_a_point_is_a_folder(
    results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "a0.7")

    assert (tmp_path / "a0.7" / "result.json").exists()
    assert differences(load(tmp_path / "a0.7"), results) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"deaths": 999.0}, "deaths 999 in place of"),
        ({"peak_day": 2.0}, "peak_day 2 in place of"),
        ({"attack_rate": 0.001}, "attack_rate 0.001 in place of"),
        ({"happiness": 1.0}, "a figure 'happiness' that no such run has"),
        ({"share_work": math.nan}, "share_work - in place of"),
    ],
)
def test_figures_that_contradict_their_daily_counts_are_refused(
    change: dict[str, float], words: str, results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "r.json")
    saved = load(tmp_path / "r.json")
    require_consistent(saved, "r.json")

    with pytest.raises(VerificationError, match=rf"r\.json: .* got {words}"):
        require_consistent(
            replace(saved, summary={**saved.summary, **change}), "r.json"
        )


def test_a_reproduction_number_that_contradicts_the_counts_is_refused(
    results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "r.json")
    saved = load(tmp_path / "r.json")

    with pytest.raises(VerificationError, match=r"r_t on day 19: 0\.5 in the"):
        require_consistent(replace(saved, r_t=[*saved.r_t[:-1], 0.5]), "r.json")
    with pytest.raises(VerificationError, match="rows of 19, 20 days"):
        require_consistent(replace(saved, r_t=saved.r_t[:-1]), "r.json")


def test_a_result_without_a_scenario_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    save(Sim("FR", agents=500, days=5).run(), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scenario": None}))

    with pytest.raises(UsageError):
        load(path)


def test_rows_of_a_parquet_file_that_were_changed_are_found(
    results: Results, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "r.parquet"
    save(results, path)
    assert differences(load(path), results) == {}
    whole = parquet.read_table(path)
    place = whole.column_names.index("infections")

    for changed in (
        whole.set_column(place, "infections", pa.array([0.0] * 20)),
        whole.drop_columns(["infections"]),
        whole.slice(0, 19),
        whole.set_column(0, "day", pa.array(range(20))),
    ):
        parquet.write_table(changed, path)
        assert set(differences(load(path), results)) == {"columns"}


@pytest.mark.parametrize("name", ["daily.csv", "infections.csv"])
def test_a_table_of_a_folder_that_was_changed_is_found(
    name: str, results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "folder")
    assert differences(load(tmp_path / "folder"), results) == {}
    path = tmp_path / "folder" / name
    text = path.read_text()

    head = text.splitlines()[0] + "\n"
    for changed in (head, text.replace("1", "2", 1), text + "1\n"):
        path.write_text(changed)
        assert set(differences(load(tmp_path / "folder"), results)) == {name}
    path.unlink()
    assert set(differences(load(tmp_path / "folder"), results)) == {name}


def test_a_parquet_file_that_is_cut_short_is_refused(
    results: Results, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "r.parquet"
    save(results, path)
    data = bytearray(path.read_bytes())
    data[4:2000] = bytes(1996)
    path.write_bytes(data)

    with pytest.raises(UsageError, match=r"r\.parquet: expected "):
        load(path)
