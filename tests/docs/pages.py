"""Read the project's Markdown pages: fenced blocks, headings and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Every page that people read, in the order in which a newcomer meets them.
PAGES = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "CHANGELOG", "SECURITY")),
)

_FENCE = re.compile(r"^```(\S*)\s*$")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`]*`")
_LINKED_TEXT = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its lines, and the line it begins on."""

    language: str
    text: str
    line: int


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str, *languages: str) -> list[Block]:
    """All fenced blocks of these languages, in order."""
    found: list[Block] = []
    language, lines, start = None, list[str](), 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
        elif language is None:
            language, lines, start = fence[1], [], number + 1
        else:
            found.append(Block(language, "\n".join(lines) + "\n", start))
            language = None
    assert language is None, "a fenced block does not end"
    return [block for block in found if block.language in languages]


def prose(text: str) -> Iterator[str]:
    """The lines outside fenced blocks."""
    inside = False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line


def links(text: str) -> list[str]:
    """Targets of all links outside code."""
    return [
        target for line in prose(text) for target in _LINK.findall(_CODE.sub("", line))
    ]


def headings(text: str) -> list[str]:
    return [match[1] for line in prose(text) if (match := _HEADING.match(line))]


def anchors(text: str) -> set[str]:
    """Anchors that GitHub makes of the headings."""
    plain = [_LINKED_TEXT.sub(r"\1", heading) for heading in headings(text)]
    return {
        _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-") for heading in plain
    }
