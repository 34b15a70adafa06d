import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.report import page, write_report
from cosignal.simulator.saved import Saved

DAYS = 25
SAVED = Saved(
    seed=1,
    parameters=Parameters(days=DAYS).with_values({"app.adoption": 0.25}),
    version="0.1<b>",
    digest="ab" * 32,
    summary={"attack_rate": 0.123, "deaths": 7.0, "<i>": 1.0},
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


def test_a_report_says_what_was_run_and_what_came_out(tmp_path: Path) -> None:
    write_report(SAVED, tmp_path / "r.html", title="<autumn>")

    text = (tmp_path / "r.html").read_text()
    plain = re.sub(r"data:[^\"]+", "", text)
    for shown in ("&lt;autumn&gt;", "[app]", "adoption = 0.25", "0.123", SAVED.digest):
        assert shown in plain
    assert "&lt;b&gt;" in plain
    assert "<i>" not in plain
