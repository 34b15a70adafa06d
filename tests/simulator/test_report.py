import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from cosignal.protocol.errors import VerificationError
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.report import page, title_of, write_report
from cosignal.simulator.saved import Saved, load
from cosignal.simulator.simulation import Sim
from cosignal.simulator.verification import require_consistent

DAYS = 25
SAVED = Saved(
    seed=1,
    parameters=Parameters(days=DAYS).with_values({"app.adoption": 0.25}),
    version="0.1<b>",
    digest="ab" * 32,
    summary={"attack_rate": 0.123, "deaths": 7.0, "r": 1.5, "<i>": 1.0},
    series={"infections": [5.0] * DAYS},
    r_t=[1.1] * DAYS,
    own=(),
    agents=1_000,
)


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_needs_nothing_else() -> None:
    tags = _Tags(page(SAVED, "autumn"))

    sources = [item.get("src") or "" for tag, item in tags.seen if tag == "img"]
    assert not tags.open
    assert [source.startswith("data:image/png;base64,") for source in sources] == [True]
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "iframe"}
    assert not [item for _, item in tags.seen if "href" in item]


def test_a_report_says_what_was_run_and_what_came_out() -> None:
    text = page(SAVED, "<autumn>")

    plain = re.sub(r"data:[^\"]+", "", text)
    for shown in ("&lt;autumn&gt;", "[app]", "adoption = 0.25", "12.3 %", SAVED.digest):
        assert shown in plain
    assert ">7 people<" in plain
    assert ">1.5 people infected by one<" in plain
    assert "&lt;b&gt;" in plain
    assert "<i>" not in plain


def test_a_report_says_that_it_is_one_run_and_not_verified() -> None:
    head, _ = page(SAVED, "autumn").split("<h2>Headlines</h2>")

    assert "One run: one possible course. Its figures have no interval" in head
    assert "<strong>Not verified.</strong>" in head
    assert "<code>cosignal-sim verify RESULT</code>" in head


@pytest.mark.parametrize(
    ("changes", "own", "title"),
    [
        ({}, (), "France, 1,000 people: without an app"),
        (
            {"population.place": "DE", "app.adoption": 0.45},
            (),
            "Germany, 1,000 people: app of 45 %",
        ),
        ({"population.people": "x/us.csv"}, (), "Own people of us.csv, 1,000 people"),
        ({}, ("population",), "Own people, 1,000 people: without an app"),
    ],
)
def test_a_title_says_what_was_run(
    changes: dict[str, object], own: tuple[str, ...], title: str
) -> None:
    parameters = Parameters(days=DAYS).with_values(changes)

    found = title_of(replace(SAVED, parameters=parameters, own=own))

    assert found.startswith(title)


def test_a_report_of_changed_figures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="expected the figures of its own"):
        write_report(SAVED, tmp_path / "r.html")

    assert not list(tmp_path.iterdir())


def test_a_run_from_python_is_reported_and_saved(tmp_path: Path) -> None:
    variant = {"name": "late", "day": 5, "seeds": 5, "cross_immunity": 0.0}
    closure = {"layer": "school", "start": 3, "stop": 8}
    results = Sim(
        "CH", agents=1_000, days=12, variants=[variant], closures=[closure]
    ).run()

    results.report(tmp_path / "r.html")
    results.save(tmp_path / "r.json")

    text = (tmp_path / "r.html").read_text()
    assert (
        "<h1>Switzerland, 1,000 people: without an app, 1 more variant, closures"
        in text
    )
    assert "of the variant late" in text
    assert "vaccinated" not in text
    assert ">5 days<" in text
    saved = load(tmp_path / "r.json")
    more = {**saved.summary, "infections_variant_late": 1e6}
    with pytest.raises(VerificationError, match="infections of all variants together"):
        require_consistent(replace(saved, summary=more), "r.json")
    assert len(repr(results).splitlines()) == 3
