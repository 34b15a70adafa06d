import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial, singledispatch, update_wrapper, wraps
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import pytest
from numba import njit

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.own_code import code_digest, name_of
from cosignal.simulator.interventions import Intervention

#: What the functions below look up.
LIMIT = 5
KIND = TypeVar("KIND")


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


class Scaled:
    """A decorator that holds a number."""

    def __init__(self, inner: Callable[..., object], factor: float) -> None:
        update_wrapper(self, inner)
        self.factor = factor

    def __call__(self, *given: object) -> object:
        return self.factor, given


class Compiled:
    """Has a `py_func`, as what Numba makes has."""

    def __init__(self, factor: float) -> None:
        self.py_func = made(1)
        self.factor = factor


def counted(factor: float) -> Callable[[], float]:
    def plan() -> float:
        return 1.0

    plan.factor = factor  # type: ignore[attr-defined]
    return plan


def wrapped(factor: float) -> Callable[[], float]:
    @wraps(made)
    def plan() -> float:
        return factor

    return plan


def of_metaclass(factor: float) -> object:
    return type("Meta", (type,), {"factor": factor})("Planned", (), {})


def dispatched(factor: float) -> Callable[..., float]:
    @singledispatch
    def plan(_: object) -> float:
        return 0.0

    plan.register(int, lambda _: factor)
    return plan


def owned(factor: float) -> type:
    class Own(property):
        factor = 0.0

    part = Own(lambda _: 1)
    part.factor = factor
    return type("Planned", (), {"part": part})


def of_array(factor: float) -> object:
    class Shares(np.ndarray[Any, Any]):
        factor = 0.0

    shares = np.ones(3).view(Shares)
    shares.factor = factor
    return shares


def remembered(factor: float) -> object:
    return lru_cache(made(factor))


def fast(factor: float) -> object:
    return njit(fastmath=factor > 1)(made(1))


@pytest.mark.parametrize(
    "make",
    [
        partial(Scaled, made),
        Compiled,
        counted,
        wrapped,
        of_metaclass,
        dispatched,
        owned,
        of_array,
        remembered,
        fast,
    ],
)
def test_what_something_holds_counts_beside_what_it_wraps_or_is_made_of(
    make: Callable[[float], object],
) -> None:
    assert code_digest(make(1)) == code_digest(make(1))
    assert code_digest(make(1)) != code_digest(make(2))


def test_values_of_a_module_count_as_they_are_when_it_is_used() -> None:
    conf = ModuleType("conf")
    conf.__dict__.update(FACTOR=0.5, TABLE={"a": 1})
    within = {"__name__": "mine", "conf": conf}
    exec("def plan(p): return conf.FACTOR, conf.TABLE['a']", within)  # noqa: S102 - ours
    plan = within["plan"]

    found = {code_digest(plan)}
    conf.__dict__["FACTOR"] = 0.9
    found.add(code_digest(plan))
    conf.__dict__["TABLE"]["a"] = 7
    found.add(code_digest(plan))

    assert len(found) == 3


def deep(last: int) -> list[object]:
    rows: list[object] = [last]
    for _ in range(3000):
        rows = [rows]
    return rows


def test_however_deep_something_lies_it_counts() -> None:
    assert code_digest(closing(x=deep(1))) == code_digest(closing(x=deep(1)))
    assert code_digest(closing(x=deep(1))) != code_digest(closing(x=deep(2)))


def test_a_set_that_holds_itself_is_refused_by_name() -> None:
    ring = Scaled(made, 1)
    ring.__dict__["members"] = {ring}

    with pytest.raises(UsageError, match=r"got one too deep in .*Closing > more > x"):
        code_digest(closing(x=ring))


def test_what_pickle_would_only_name_is_refused_where_the_name_says_nothing() -> None:
    assert code_digest(closing(x=np.sin)) != code_digest(closing(x=np.cos))
    assert code_digest(closing(x=KIND)) == code_digest(closing(x=KIND))

    with pytest.raises(UsageError, match=r"got ufunc in .*Closing > more > x"):
        code_digest(closing(x=np.frompyfunc(made, 1, 1)))
