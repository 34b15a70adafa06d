"""Run what a page tells its reader to type, as one shell session."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT, Block, blocks

#: Pages use the ports 8080 to 8099; here others take their place, which are free.
_PORT = re.compile(r"\b80([89]\d)\b")
_PORTS = 20
_SAVED = re.compile(r"# ([\w/-]+\.(?:py|toml))\n")
_MAKE = re.compile(r"make (\w+)")
PAGE_SECONDS = 120
#: Ports given to pages already; two pages may run at once.
_taken: set[int] = set()


@dataclass(frozen=True, slots=True)
class Step:
    """One command, what the page shows of its output, and where it stands."""

    command: str
    shown: str
    line: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one command printed, and its exit status."""

    output: str
    status: int


def steps_of(text: str) -> list[Step]:
    """All commands of a page, in order."""
    found: list[Step] = []
    for block in blocks(text, "console", "python", "toml"):
        found += _commands(block) if block.language == "console" else _file(block)
    return found


def with_free_ports(text: str) -> str:
    """Put free ports in the place of a page's."""
    base = _free_base({int(port) - 80 for port in _PORT.findall(text)})
    return _PORT.sub(lambda match: str(base + int(match[1]) - 80), text)


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def run(steps: list[Step], folder: Path) -> list[Outcome]:
    """Run a page's commands in one shell, in a folder of their own.

    Returns:
        One outcome for each step that ended in time.
    """
    script, output = folder / ".session", folder / ".output"
    work = folder / "work"
    work.mkdir()
    script.write_text("".join(_script(steps)))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "COLUMNS": "80",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
    with output.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", str(script)],  # noqa: S607 - any bash
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end(shell)
    return list(_outcomes(output.read_text(errors="replace")))


def matches(shown: str, output: str) -> re.Match[str] | None:
    """Compare what a page shows with what was printed; `...` stands for anything."""
    lines = [
        ".*(?:\n.*)*" if line == "..." else ".*".join(map(re.escape, line.split("...")))
        for line in (line.rstrip() for line in shown.strip("\n").split("\n"))
    ]
    printed = "\n".join(line.rstrip() for line in output.strip("\n").split("\n"))
    return re.fullmatch("\n".join(lines), printed)


def _commands(block: Block) -> Iterator[Step]:
    command, shown, start = "", list[str](), 0
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            if command:
                yield Step(command, "\n".join(shown), start)
            command, shown, start = line.removeprefix("$ "), [], number
        elif command.endswith("\\") and not shown:
            command += f"\n{line}"
        else:
            shown.append(line)
    if command:
        yield Step(command, "\n".join(shown), start)


def _file(block: Block) -> Iterator[Step]:
    """Save a block that begins with a file's name; run other Python at once."""
    saved = _SAVED.match(block.text)
    if saved is None and block.language != "python":
        return
    command = f"cat > {saved[1]}" if saved else "python -"
    yield Step(f"{command} <<'END OF BLOCK'\n{block.text}END OF BLOCK", "", block.line)


def _script(steps: list[Step]) -> Iterator[str]:
    for number, step in enumerate(steps):
        yield f"printf '\\n@@ begin {number}\\n'\n"
        yield f"{step.command}\n"
        yield f"printf '\\n@@ end {number} %d\\n' $?\n"


def _outcomes(text: str) -> Iterator[Outcome]:
    ended = re.compile(r"\n@@ begin (\d+)\n(.*?)\n@@ end \1 (\d+)\n", re.DOTALL)
    for match in ended.finditer(text):
        yield Outcome(match[2], int(match[3]))


def _end(shell: "subprocess.Popen[bytes]") -> None:
    """End what the page left running, its own processes and no others."""
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()


def _free_base(offsets: set[int]) -> int:
    while True:
        # Below the range from which the kernel takes ports for connections.
        base = random.randrange(20_000, 32_000, _PORTS)  # noqa: S311 - no secret
        if base not in _taken and all(_is_free(base + offset) for offset in offsets):
            _taken.add(base)
            return base


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
