from pathlib import Path

from cosignal.simulator import compiled
from cosignal.simulator.compiled import kernel, sources_digest
from cosignal.simulator.spread import _thin


def test_a_kernel_is_kept_until_any_source_changes(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "one.py").write_text("a = 1\n")
    other = tmp_path / "inner" / "two.py"
    other.write_text("b = 1\n")
    before = sources_digest(tmp_path)
    sources_digest.cache_clear()

    other.write_text("b = 2\n")

    assert before != sources_digest(tmp_path)
    sources_digest.cache_clear()


def test_kernels_are_kept_under_the_name_of_all_sources() -> None:
    expected = sources_digest(Path(compiled.__file__).parent)

    assert expected == _thin._cache._cache_file._source_stamp


def test_a_kept_kernel_of_other_sources_is_compiled_again(tmp_path: Path) -> None:
    module = tmp_path / "kept_example.py"
    module.write_text("def twice(x):\n    return 2 * x\n")
    scope: dict[str, object] = {}
    exec(compile(module.read_text(), str(module), "exec"), scope)  # noqa: S102
    first, second = kernel(scope["twice"]), kernel(scope["twice"])
    other = kernel(scope["twice"])
    other._cache._cache_file._source_stamp = "other sources"

    assert [first(2), second(2), other(2)] == [4, 4, 4]

    hits = [sum(made.stats.cache_hits.values()) for made in (first, second, other)]
    assert hits == [0, 1, 0]
