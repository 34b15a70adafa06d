import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.own import Population
from cosignal.simulator.results import Results
from cosignal.simulator.saved import (
    differences,
    digest,
    load,
    require_name,
    run_again,
    save,
)
from cosignal.simulator.simulation import Sim
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
    ],
)
def test_whatever_is_changed_in_a_result_is_found(
    tmp_path: Path, name: str, change: dict[str, object]
) -> None:
    path = tmp_path / "r.json"
    save(Sim("FR", agents=500, days=5).run(), path)
    assert differences(load(path), run_again(load(path))) == []
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    assert differences(load(path), run_again(load(path))) == [name]


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
    assert differences(load(path), results) == []
    whole = parquet.read_table(path)
    place = whole.column_names.index("infections")

    for changed in (
        whole.set_column(place, "infections", pa.array([0.0] * 20)),
        whole.drop_columns(["infections"]),
        whole.slice(0, 19),
        whole.set_column(0, "day", pa.array(range(20))),
    ):
        parquet.write_table(changed, path)
        assert differences(load(path), results) == ["columns"]


@pytest.mark.parametrize("name", ["daily.csv", "infections.csv"])
def test_a_table_of_a_folder_that_was_changed_is_found(
    name: str, results: Results, tmp_path: Path
) -> None:
    save(results, tmp_path / "folder")
    assert differences(load(tmp_path / "folder"), results) == []
    path = tmp_path / "folder" / name
    text = path.read_text()

    head = text.splitlines()[0] + "\n"
    for changed in (head, text.replace("1", "2", 1), text + "1\n"):
        path.write_text(changed)
        assert differences(load(tmp_path / "folder"), results) == [name]
    path.unlink()
    assert differences(load(tmp_path / "folder"), results) == [name]


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
