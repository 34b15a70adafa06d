import json
from collections.abc import Callable

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.figures import Budget, Figure, line
from tests.benchmarks.load import _length
from tests.benchmarks.registry import FIGURES
from tests.benchmarks.timing import percentile

# The figures that the design asks for, and what it asks of them.
BUDGETS = {
    "body_bytes_per_key_1k": ("at most", 16.8),
    "body_bytes_per_key_10k": ("at most", 16.3),
    "body_bytes_per_key_100k": ("at most", 16.2),
    "body_decode_ns_per_key_100k": ("at most", 5.0),
    "match_numba_us_per_key_2k": ("at most", 0.9),
    "match_portable_us_per_key": ("at most", 15.0),
    "cold_phone_s_700k": ("at most", 3.0),
    "match_ratio_openssl_limit": ("at least", 0.5),
    "uploads_per_s_core": ("at least", 2_500),
    "seal_to_quorum_ms_p95_n4": ("at most", 50.0),
    "sim_agent_days_per_s_1m": ("at least", 15e6),
    "sim_peak_mb_10m": ("at most", 2_000.0),
    "sim_peak_mb_1m": ("at most", 500.0),
    "sim_ratio_covasim_100k": ("at least", 10.0),
    "sim_ratio_starsim_100k": ("at least", 5.0),
    "sim_start_s": ("at most", 2.0),
    "sim_thread_speedup_2": ("at least", 1.6),
}
WITHOUT_BUDGET = {
    "client_bytes_per_day",
    "match_numba_us_per_key_100k",
    "match_thread_speedup_2",
    "merkle_leaves_per_s",
    "seal_to_quorum_ms_p95_n16",
    "sim_sweep_s",
    "static_block_ratio_nginx",
}


def a_figure(budget: Budget | None) -> Figure:
    return Figure("speed", "m/s", lambda: 3.0, budget)


def test_every_budget_has_a_figure() -> None:
    found = {
        figure.name: (
            "at least" if figure.budget.at_least else "at most",
            figure.budget.limit,
        )
        for figure in FIGURES
        if figure.budget is not None
    }

    assert found == BUDGETS


def test_figures_without_a_budget_are_known_too() -> None:
    assert {item.name for item in FIGURES if item.budget is None} == WITHOUT_BUDGET


def test_each_name_stands_once() -> None:
    names = [figure.name for figure in FIGURES]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("budget", "limit", "ok"),
    [
        (None, None, None),
        (Budget(3.0), 3.0, True),
        (Budget(2.9), 2.9, False),
        (Budget(3.0, at_least=True), 3.0, True),
        (Budget(3.1, at_least=True), 3.1, False),
    ],
)
def test_a_line_says_whether_the_budget_is_kept(
    *, budget: Budget | None, limit: float | None, ok: bool | None
) -> None:
    expected = {
        "name": "speed",
        "value": 3.0,
        "unit": "m/s",
        "budget": limit,
        "ok": ok,
    }

    found = json.loads(line(a_figure(budget), 3.0))

    assert list(expected.items()) == list(found.items())


def test_a_line_gives_four_digits() -> None:
    assert json.loads(line(a_figure(None), 1_234.4))["value"] == 1234.0
    assert json.loads(line(a_figure(None), 16.588))["value"] == 16.59


def test_a_named_figure_is_printed_as_one_json_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["body_bytes_per_key_1k"]) == 0

    printed = capsys.readouterr().out.splitlines()
    assert [json.loads(text)["name"] for text in printed] == ["body_bytes_per_key_1k"]


def test_an_unknown_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["speed_of_light"])

    assert "speed_of_light" in capsys.readouterr().err


def test_the_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(40, 0, -1)]

    assert percentile(values, 95) == 38.0
    assert percentile(values, 50) == 20.0
    assert percentile([7.0], 95) == 7.0


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_the_load_reads_the_length_of_an_answer(spell: Callable[[str], str]) -> None:
    head = spell("http/1.1 200 ok\r\ncontent-type: a\r\ncontent-length: 42")

    assert _length(head.encode()) == 42
    assert _length(head.encode() + b"\r\nDate: now") == 42
