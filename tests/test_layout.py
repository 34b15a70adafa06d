"""What keeps three source roots one namespace, and the tree free of private paths."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE_ROOTS = ("protocol", "server")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is on the PATH
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_no_source_root_owns_the_namespace(root: str) -> None:
    assert not (ROOT / root / "cosignal" / "__init__.py").exists()


def test_every_package_is_typed() -> None:
    packages = [
        package
        for root in SOURCE_ROOTS
        for package in (ROOT / root / "cosignal").iterdir()
        if package.is_dir()
    ]

    assert all((package / "py.typed").exists() for package in packages)


def test_every_pinned_package_has_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^[a-z0-9._-]+==", lock, re.MULTILINE | re.IGNORECASE)

    assert pins
    assert len(pins) == len(re.findall(r"==[^\n]*\\\n    --hash=sha256:", lock))


def test_every_dependency_is_in_the_lock_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + [
        requirement
        for extra in project["project"]["optional-dependencies"].values()
        for requirement in extra
    ]
    names = {re.split(r"[\[>=<;]", item)[0].lower() for item in wanted} - {"cosignal"}
    lock = (ROOT / "requirements.lock").read_text().lower()

    assert not {name for name in names if f"\n{name}==" not in f"\n{lock}"}


def test_modules_stay_short_enough_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py"
        and (lines := len(path.read_text().splitlines())) > 500  # style budget
    }

    assert not long
