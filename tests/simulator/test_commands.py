import json
import sys
from pathlib import Path

import pytest

from cosignal.simulator import commands
from cosignal.simulator.version import VERSION

SMALL = ("--set", "population.agents=1000", "--set", "days=15")


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str, str]:
    """Run a command: its exit status, and what it printed."""
    monkeypatch.setattr(sys, "argv", ["cosignal-sim", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        commands.main()
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


def test_a_result_is_verified_and_a_changed_one_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "r.json"
    status, text, _ = call(monkeypatch, capsys, "run", *SMALL, "--out", out, "--json")
    assert status == 0
    assert json.loads(text)["digest"] == json.loads(out.read_text())["digest"]

    assert call(monkeypatch, capsys, "verify", out)[0] == 0

    value = json.loads(out.read_text())
    value["version"] = "99.0"
    out.write_text(json.dumps(value))
    status, text, _ = call(monkeypatch, capsys, "verify", out)
    assert status == 1
    assert "the same, bit for bit; but it says that 99.0 made it" in text

    value["scenario"]["seed"] = 2
    out.write_text(json.dumps(value))
    status, text, _ = call(monkeypatch, capsys, "verify", out, "--json")
    assert status == 1
    found = json.loads(text)
    assert found["ok"] is False
    assert " on day " in found["first"]["series"]
    _, text, _ = call(monkeypatch, capsys, "verify", out)
    assert f"\n  series: {found['first']['series']}\n" in text


def test_threads_change_no_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digests = {
        json.loads(
            call(monkeypatch, capsys, "run", *SMALL, "--threads", n, "--json")[1]
        )["digest"]
        for n in (1, 2)
    }

    assert len(digests) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--set", "app.adoption=1.5"), "app.adoption: expected 0 to 1"),
        (("run", "--set", "app.adoptoin=0.5"), "app.adoptoin: expected a parameter"),
        (("run", "none.toml"), "none.toml: expected a readable scenario"),
        (("run", *SMALL, "--out", "r.txt"), "--out: expected a name that ends in"),
        (("verify", "none.json"), "none.json: expected a result"),
        (("sweep", "--vary", "app.adoption"), "--vary: expected NAME=V1,V2,..."),
        (("sweep", "--vary", "days=1,2", "--workers", "x"), "workers: expected"),
        (("calibrate", "s.toml", "d.csv", "--fit", "x=1"), "s.toml: expected"),
        (
            ("sweep", "--vary", "days=1,2", "--measure", "deths"),
            "--measure: expected a figure of a run, got 'deths'",
        ),
        (("sweep", "--vary", "days=1,2", "--vs", "days=3"), "point: expected one"),
        (("sweep", "--vary", "days=1", "--vary", "days=2"), "--vary: expected days"),
        (
            ("calibrate", "s.toml", "d.csv", "--fit", "x=1:2", "--out", "no/s.toml"),
            "--out: expected a folder no, got none",
        ),
        (("report", "r.json", "-o", "no/r.html"), "--out: expected a folder no"),
        (("report", "r.json", "--figure", "a.doc"), "--figure: expected a name"),
        (
            ("sweep", "--vary", "days=1,2", "--measure", "sum:casess"),
            "--measure: expected a figure of a run, got 'sum:casess'",
        ),
        (("sweep", "--vary", "days=1,2", "--relative"), "--relative: expected --vs"),
        (("run", "--people", "none.csv"), "none.csv: expected a file of people"),
        (("run", "--network", "none.csv"), "population.networks: expected popul"),
        (("study", "P99"), "study: expected one of"),
        (("parameters", "xyzzy"), "NAME: expected a part"),
        (("bench", "--agents", "3"), "population.agents: expected 100 to"),
    ],
)
def test_wrong_usage_is_named_without_a_traceback(
    words: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)

    status, out, err = call(monkeypatch, capsys, *words, "--json")

    assert status == 2
    assert err.startswith(f"cosignal-sim: {message}")
    assert json.loads(out.splitlines()[-1])["ok"] is False
    assert "Traceback" not in err


def test_own_people_are_named_by_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"p{i},{30 + i % 40},h{i // 3}" for i in range(300)]
    Path("people.csv").write_text("\n".join(["person,age,household", *rows]) + "\n")
    Path("friends.csv").write_text("person_a,person_b\np1,p9\np2,p30\n")
    given = ("--people", "people.csv", "--network", "friends.csv")
    words = ("--set", "days=10", "--set", "disease.seeds=20")

    first = call(monkeypatch, capsys, "run", *given, *words, "--out", "r.json")
    again = call(monkeypatch, capsys, "verify", "r.json")
    Path("people.csv").rename("moved.csv")
    moved = call(monkeypatch, capsys, "verify", "r.json", "--people", "moved.csv")
    Path("moved.csv").write_text(Path("moved.csv").read_text() + "x,1,x\n")
    other = call(monkeypatch, capsys, "verify", "r.json", "--people", "moved.csv")
    sweep = call(
        monkeypatch,
        capsys,
        *("sweep", *words, "--people", "moved.csv", "--vary", "app.adoption=0,0.5"),
        *("--replicates", "1", "--workers", "1", "--measure", "infections"),
    )

    assert [first[0], again[0], moved[0], other[0], sweep[0]] == [0, 0, 0, 2, 0]
    assert "moved.csv: expected the file of the run, SHA-256 " in other[2]


def test_a_sweep_compares_with_a_point(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("sweep", *SMALL, "--vary", "app.adoption=0,0.5", "--vs", "app.adoption=0")

    status, text, _ = call(
        monkeypatch, capsys, *words, "--replicates", "2", "--workers", "1", "--json"
    )

    value = json.loads(text)
    assert status == 0
    assert (value["finished"], value["total"], value["vs"]) == (4, 4, "app.adoption=0")
    assert value["points"][0]["differences"] == {}
    assert value["points"][1]["differences"]["infections"]["runs"] == 2


def test_a_calibration_writes_a_scenario(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "s.toml").write_text("days = 12\n[population]\nagents = 1000\n")
    (tmp_path / "d.csv").write_text("day,infections\n3,20\n4,25\n5,30\n")
    out = tmp_path / "fitted.toml"

    status, text, _ = call(
        monkeypatch,
        capsys,
        *("calibrate", tmp_path / "s.toml", tmp_path / "d.csv"),
        *("--fit", "disease.r0=1:4", "--trials", "2"),
        *("--workers", "1", "--replicates", "1", "--out", out, "--json"),
    )

    best = json.loads(text)["best"]["disease.r0"]
    assert status == 0
    assert 1 <= best <= 4
    assert f"r0 = {best!r}" in out.read_text()


def test_a_bench_says_how_fast_the_model_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text, _ = call(
        monkeypatch, capsys, "bench", "--agents", "2000", "--days", "20", "--json"
    )

    value = json.loads(text)
    assert status == 0
    assert 0 < value["attack_rate"] <= 1
    assert value["agent_days_per_s"] > 0
    assert value["peak_mb"] > value["init_s"] > 0


def test_a_report_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    call(monkeypatch, capsys, "run", *SMALL, "--out", tmp_path / "folder")

    status, _, _ = call(
        monkeypatch, capsys, "report", tmp_path / "folder", "-o", tmp_path / "r.html"
    )

    assert status == 0
    text = (tmp_path / "r.html").read_text()
    assert "<h1>France, 1,000 people: without an app</h1>" in text


def test_a_report_writes_its_plots_too_and_refuses_changed_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    result, page, plot = (tmp_path / name for name in ("r.json", "r.html", "r.svg"))
    call(monkeypatch, capsys, "run", *SMALL, "--out", result)
    words = ("report", result, "-o", page)

    status, _, _ = call(monkeypatch, capsys, *words, "--figure", plot, "--title", "<x>")
    value = json.loads(result.read_text())
    value["summary"]["infections"] += 1
    result.write_text(json.dumps(value))
    changed, _, error = call(monkeypatch, capsys, *words)

    assert (status, changed) == (0, 1)
    assert "<h1>&lt;x&gt;</h1>" in page.read_text()
    assert plot.read_text().startswith("<?xml")
    expected = f"cosignal-sim: {result}: expected the figures of its own daily counts"
    assert error.startswith(f"{expected}, got infections ")


def test_the_version_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, capsys, "--version") == (
        0,
        f"cosignal-sim {VERSION}\n",
        "",
    )


def test_settings_that_do_nothing_are_noted_beside_the_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", *SMALL, "--set", "vaccination.start=3", "--json")

    status, out, error = call(monkeypatch, capsys, *words)

    assert status == 0
    assert json.loads(out)["ok"] is True
    assert "note: vaccination: per_day is 0, so nobody is vaccinated\n" in error


def test_a_point_of_a_sweep_that_uses_a_setting_silences_the_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words: tuple[str, ...] = (
        "sweep",
        *SMALL,
        "--set",
        "vaccination.start=3",
        "--replicates",
        "1",
    )
    words += ("--workers", "1", "--vary", "vaccination.per_day=0,0.01")

    _, _, error = call(monkeypatch, capsys, *words)

    assert "note:" not in error


def test_a_sweep_counts_for_so_many_people_and_compares_in_percent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words: tuple[str, ...] = (
        "sweep",
        *SMALL,
        "--vary",
        "disease.r0=1,4",
        "--vs",
        "disease.r0=1",
    )
    words += ("--replicates", "4", "--workers", "1")
    words += ("--measure", "infections", "--measure", "mean:hospital")
    words += ("--measure", "attack_rate")

    _, plain, _ = call(monkeypatch, capsys, *words, "--json")
    more = ("--per", "100000", "--relative")
    _, other, _ = call(monkeypatch, capsys, *words, *more, "--json")
    _, text, _ = call(monkeypatch, capsys, *words, *more)

    (low, high), (first, second) = (
        json.loads(found)["points"] for found in (plain, other)
    )
    for name, factor in (
        ("infections", 100),
        ("mean:hospital", 100),
        ("attack_rate", 1),
    ):
        scaled = factor * high["means"][name]["mean"]
        assert second["means"][name]["mean"] == pytest.approx(scaled)
    mean = low["means"]["infections"]["mean"]
    change = 100 * (high["means"]["infections"]["mean"] / mean - 1)
    assert second["differences"]["infections"]["mean"] == pytest.approx(change)
    assert first["differences"] == {}
    assert "less disease.r0=1, %" in text
    assert text.splitlines()[-1] == (
        "means of 4 runs, 95 % intervals; 1,000 people, 15 days; "
        "counts per 100,000 people"
    )


@pytest.mark.parametrize(
    "name", [item.name for item in commands.app.registered_commands]
)
def test_every_command_has_an_example(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text, _ = call(monkeypatch, capsys, name, "--help")

    assert status == 0
    assert f"Example: cosignal-sim {name}" in text
    assert "--json" in text
