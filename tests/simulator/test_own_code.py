import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.own_code import code_digest, name_of
from cosignal.simulator.interventions import Intervention

#: What the functions below look up.
LIMIT = 5


def written(folder: Path, name: str, text: str) -> object:
    """Load a module of a user's own."""
    (folder / f"{name}.py").write_text(text)
    done: dict[str, Any] = {"__name__": name}
    exec(compile(text, str(folder / f"{name}.py"), "exec"), done)  # noqa: S102 - ours
    return done["plan"]


def made(factor: float) -> Callable[[], float]:
    def plan() -> float:
        return factor * LIMIT

    return plan


def test_two_functions_of_one_name_are_told_apart_by_what_they_do(
    tmp_path: Path,
) -> None:
    one = written(tmp_path, "mine", "def plan(p):\n    return [1]\n")
    two = written(tmp_path, "mine", "def plan(p):\n    return [2]\n")

    assert name_of(one) == name_of(two)
    assert code_digest(one) != code_digest(two)


def test_comments_and_lines_play_no_part(tmp_path: Path) -> None:
    one = written(tmp_path, "mine", "def plan(p):\n    return [p, 1]\n")
    two = written(
        tmp_path, "mine", "# More.\n\n\ndef plan(p):\n    return [p, 1]  # x\n"
    )

    assert code_digest(one) == code_digest(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("def plan(p, n=1): return n", "def plan(p, n=2): return n"),
        ("def plan(*, n=1): return n", "def plan(*, n=2): return n"),
        ("N = 1\ndef plan(p): return N", "N = 2\ndef plan(p): return N"),
        (
            "def f(): return 1\ndef plan(p): return f()",
            "def f(): return 2\ndef plan(p): return f()",
        ),
        (
            "class A:\n  n = 1\ndef plan(p): return A()",
            "class A:\n  n = 2\ndef plan(p): return A()",
        ),
        (
            "class A:\n  def f(s): return 1\nclass B(A): pass\ndef plan(p): return B",
            "class A:\n  def f(s): return 2\nclass B(A): pass\ndef plan(p): return B",
        ),
        ("plan = lambda p: [x + 1 for x in p]", "plan = lambda p: [x + 2 for x in p]"),
        ("def plan(p): return p.a", "def plan(p): return p.b"),
        (
            "import numpy as np\nR = np.arange(3)\ndef plan(p): return R",
            "import numpy as np\nR = np.arange(4)\ndef plan(p): return R",
        ),
    ],
)
def test_all_that_a_function_looks_up_counts(
    one: str, two: str, tmp_path: Path
) -> None:
    first, second = (written(tmp_path, "mine", text) for text in (one, two))

    assert code_digest(first) == code_digest(written(tmp_path, "mine", one))
    assert code_digest(first) != code_digest(second)


def test_what_a_closure_holds_counts() -> None:
    assert code_digest(made(0.5)) == code_digest(made(0.5))
    assert code_digest(made(0.5)) != code_digest(made(0.6))


@dataclass
class Closing:
    """An intervention that holds several kinds of things."""

    layers: set[str]
    shares: np.ndarray[Any, Any]
    more: dict[str, object] = field(default_factory=dict)
    start: int = 0
    stop: int | None = None

    def apply(self, sim: object, day: int) -> None:
        del sim, day


def closing(**more: object) -> Intervention:
    return Closing({"school", "work", "care"}, np.ones(3), dict(more))


@pytest.mark.parametrize(
    "more",
    [
        {"x": 1},
        {"x": [1, (2, 3)]},
        {"x": np.zeros(2)},
        {"x": partial(made, 0.5)},
        {"x": np.random.default_rng(1)},
        {"x": made(1)},
        {"x": Closing},
        {"x": njit(made(1))},
        {"x": {"a", "b"}},
    ],
)
def test_what_an_object_holds_counts(more: dict[str, object]) -> None:
    assert code_digest(closing()) == code_digest(closing())
    assert code_digest(closing(**more)) == code_digest(closing(**more))
    assert code_digest(closing()) != code_digest(closing(**more))


def test_what_cannot_be_looked_into_is_refused_by_name() -> None:
    with pytest.raises(
        UsageError, match=r"got lock in .*Closing > more > door"
    ) as found:
        code_digest(closing(door=threading.Lock()))

    assert "give no folder" in found.value.advice


def test_every_process_finds_the_same_digest() -> None:
    script = (
        "from tests.simulator.test_own_code import closing, made\n"
        "from cosignal.simulator.experiments.own_code import code_digest\n"
        "print(code_digest(closing(x={'a', 'b', 'c'})), code_digest(made(0.5)))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": ":".join(filter(None, sys.path)),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    here = f"{code_digest(closing(x={'a', 'b', 'c'}))} {code_digest(made(0.5))}\n"
    assert found == {here}
