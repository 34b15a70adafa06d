"""The trust policy: which logs, which witnesses, and how many must agree.

What this module guarantees:

* The whole grammar of C2SP tlog-policy: `log`, `witness`, `group` and one `quorum`
  line, comments, spaces and tabs; names are octets, never case-folded or normalised.
* Every group is defined before it is used, and every name is a member at most once, so
  that no witness counts twice.
* Log keys are Ed25519 (0x01), witness keys Ed25519 cosignatures (0x04).
* The comment `# cosignal first-policy <hash>` names the network's first policy record:
  a tlog-policy says who co-signs, and only that record who may change the policy.
* `quorum none` parses, but nothing satisfies it here: Cosignal never fails open.

At most `MAX_LINES` logs, witnesses and groups each; the specification asks for 32.
Checking signatures is left to `checkpoints`.

Source: c2sp.org/tlog-policy.
"""

import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from cosignal.protocol.encoding import encode_base64, parse_decimal, parse_hash
from cosignal.protocol.errors import CosignalError, MalformedError, UsageError
from cosignal.protocol.notes import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    VerifierKey,
    parse_verifier_key,
)

MAX_LINES = 64
NO_QUORUM = "none"
#: Begins a comment that means something here, and nothing to other tools.
FIRST_POLICY = "# cosignal first-policy"

_BLANKS = re.compile(rb"[ \t]+")
_LINE = re.compile(rb"^[ \t]*(?:log|witness|group|quorum)(?:[ \t]|$)", re.MULTILINE)
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose checkpoints are accepted.

    Attributes:
        key: Its verifier key; the key's name is the log's origin.
        url: Where it is read or written; says nothing about trust.
    """

    key: VerifierKey
    url: str | None = field(default=None, compare=False)

    @property
    def origin(self) -> str:
        """First line of the log's checkpoints."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Witness:
    """A cosigner whose word may count.

    Attributes:
        name: Used by groups and the quorum of this policy only.
        key: Its verifier key, type 0x04.
        url: Where it takes checkpoints; says nothing about trust.
    """

    name: str
    key: VerifierKey
    url: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses or groups that agree when enough of them do.

    Attributes:
        name: Shares one namespace with witnesses.
        threshold: How many members must agree, 1 to their number.
        members: Names of witnesses and groups defined before.
    """

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to believe; equal to another whatever the URLs and comments.

    Attributes:
        logs: Any one of them must have signed.
        witnesses: Those whose cosignatures count.
        groups: In an order in which each uses only earlier ones.
        quorum: Name of the witness or group that must agree, or `none`.
        first: SHA-256 of the text of the network's first policy record; None where the
            file does not name it.
    """

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str
    first: bytes | None = field(default=None, compare=False)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """Every key that the policy knows, logs first."""
        logs = tuple(log.key for log in self.logs)
        return logs + tuple(witness.key for witness in self.witnesses)

    def logs_of(self, origin: str) -> tuple[Log, ...]:
        """The logs that may sign checkpoints of an origin."""
        return tuple(log for log in self.logs if log.origin == origin)

    def witness(self, name: str) -> Witness | None:
        """Find a witness by its name in this policy."""
        return next((item for item in self.witnesses if item.name == name), None)

    def satisfied(self, signed: AbstractSet[str]) -> bool:
        """Say whether witnesses that signed make up the quorum.

        Args:
            signed: Names of witnesses; unknown names do not count.

        Returns:
            True for a quorum; never for `quorum none`.
        """
        agreed = {item.name for item in self.witnesses if item.name in signed}
        for group in self.groups:
            if len(agreed.intersection(group.members)) >= group.threshold:
                agreed.add(group.name)
        return self.quorum in agreed


def quorum_size(authorities: int) -> int:
    """How many of n authorities must agree: floor(2n/3) + 1.

    Two such quorums share more than n/3 members, so two histories need that many
    liars; see docs/reference/protocol.md, "Quorum".

    >>> [quorum_size(n) for n in (4, 7, 10)]
    [3, 5, 7]
    """
    return 2 * authorities // 3 + 1


def first_policy_line(first: bytes) -> str:
    """Write the comment that names the first policy record by its hash, 32 bytes."""
    return _line(FIRST_POLICY, encode_base64(first))


def authorities_policy(log: Log, witnesses: Sequence[Witness]) -> bytes:
    """Write the policy of a network whose authorities all cosign.

    Args:
        log: The network's log, with the sequencer's base URL.
        witnesses: One for each authority, with its node's base URL.

    Returns:
        tlog-policy text with the quorum `quorum_size` of them.

    Raises:
        UsageError: What was given does not make up a policy.
    """
    names = " ".join(witness.name for witness in witnesses)
    lines = [_line("log", log.key.encode(), log.url)]
    lines += [
        _line("witness", witness.name, witness.key.encode(), witness.url)
        for witness in witnesses
    ]
    lines += [
        _line("group", "authorities", str(quorum_size(len(witnesses))), names),
        _line("quorum", "authorities"),
    ]
    text = "".join(lines).encode()
    # Reading it back is the shortest proof that no name or URL holds a blank.
    try:
        parsed = parse_policy(text)
    except MalformedError as error:
        raise UsageError(str(error)) from error
    # Equality leaves URLs out, so these are compared by themselves.
    urls = [parsed.logs[0].url, *(item.url for item in parsed.witnesses)]
    if (parsed.logs, parsed.witnesses, urls) != (
        (log,),
        tuple(witnesses),
        [log.url, *(item.url for item in witnesses)],
    ):
        raise UsageError("policy: expected names and URLs without blanks")
    return text


def parse_policy(data: bytes) -> Policy:
    """Read a tlog-policy file.

    Args:
        data: The whole file; every line ends in a newline.

    Returns:
        The policy.

    Raises:
        MalformedError: A line breaks the grammar; the message says which.
    """
    if not _LINE.search(data):
        raise MalformedError(
            "policy: expected a line of log, witness, group or quorum, got none",
            advice="This is no policy file; pin the one that the network published.",
        )
    if _FORBIDDEN.search(data):
        raise MalformedError("policy: expected no control character but tab, newline")
    if not data.endswith(b"\n"):
        raise MalformedError(
            "policy: expected a newline at the end of the last line",
            advice="The file may be cut short; copy it again, or end the line.",
        )
    reader = _Reader()
    for number, line in enumerate(data[:-1].split(b"\n"), 1):
        try:
            reader.read([word for word in _BLANKS.split(line) if word])
        except CosignalError as error:
            raise MalformedError(
                f"policy: line {number}: {error}", advice=error.advice
            ) from None
    return reader.policy()


class _Reader:
    """What the lines read so far have defined."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self.first: bytes | None = None
        self.free: set[str] = set()  # defined, and not a member of any group yet
        self.defined: set[str] = {NO_QUORUM}
        self.signers: set[tuple[str, bytes]] = set()

    def read(self, words: list[bytes]) -> None:
        """Take one line; blank lines and other people's comments define nothing."""
        if words[:2] == [b"#", b"cosignal"]:
            self.first_policy(words)
            return
        if not words or words[0].startswith(b"#"):
            return
        readers: dict[bytes, Callable[[list[bytes]], None]] = {
            b"log": self.log,
            b"witness": self.witness,
            b"group": self.group,
            b"quorum": self.quorum_line,
        }
        reader = readers.get(words[0])
        if reader is None:
            raise MalformedError("expected log, witness, group, quorum or a comment")
        reader(words[1:])

    def policy(self) -> Policy:
        if self.quorum is None:
            raise MalformedError("policy: expected one quorum line, got none")
        return Policy(
            tuple(self.logs),
            tuple(self.witnesses),
            tuple(self.groups),
            self.quorum,
            self.first,
        )

    def first_policy(self, words: list[bytes]) -> None:
        # A misspelt line must not pass for a comment: the file would pin less than its
        # owner believes.
        form = f"{FIRST_POLICY} <hash>"
        _check_words(words, 4, 4, form)
        if b" ".join(words[:3]) != FIRST_POLICY.encode():
            raise MalformedError(f"expected {form}")
        if self.first is not None:
            raise MalformedError(f"expected {form} once, got another")
        self.first = parse_hash(words[3], "first-policy")

    def log(self, words: list[bytes]) -> None:
        _check_words(words, 1, 2, "log <vkey> [<url>]")
        key = self.key(words[0], ALG_ED25519, [log.key for log in self.logs])
        self.logs.append(Log(key, _url(words[1:])))
        _check_count(self.logs, "logs")

    def witness(self, words: list[bytes]) -> None:
        _check_words(words, 2, 3, "witness <name> <vkey> [<url>]")
        name = self.define(words[0])
        earlier = [witness.key for witness in self.witnesses]
        key = self.key(words[1], ALG_COSIGNATURE, earlier)
        self.witnesses.append(Witness(name, key, _url(words[2:])))
        _check_count(self.witnesses, "witnesses")

    def group(self, words: list[bytes]) -> None:
        _check_words(words, 3, None, "group <name> <k>|all|any <member>...")
        members = tuple(map(_name, words[2:]))
        # Each member is used up here, which also keeps a group out of itself.
        for member in members:
            self.use(member)
        threshold = _threshold(words[1], len(members))
        self.groups.append(Group(self.define(words[0]), threshold, members))
        _check_count(self.groups, "groups")

    def quorum_line(self, words: list[bytes]) -> None:
        _check_words(words, 1, 1, "quorum <name>")
        if self.quorum is not None:
            raise MalformedError("expected exactly one quorum line, got another")
        self.quorum = _name(words[0])
        if self.quorum not in self.defined:
            raise MalformedError("quorum: expected a name defined on a line before")

    def define(self, word: bytes) -> str:
        name = _name(word)
        if name in self.defined:
            raise MalformedError("name: expected each to be defined once, and not none")
        self.defined.add(name)
        self.free.add(name)
        return name

    def use(self, member: str) -> None:
        if member not in self.free:
            raise MalformedError(
                "group: expected members defined on a line before, each in one group"
            )
        self.free.remove(member)

    def key(
        self, word: bytes, key_type: int, earlier: list[VerifierKey]
    ) -> VerifierKey:
        key = parse_verifier_key(word)
        if key.type != key_type:
            raise MalformedError(
                f"key {key.name}: expected type {key_type:#04x}, got {key.type:#04x}"
            )
        if key.public_key in {other.public_key for other in earlier}:
            raise MalformedError(f"key {key.name}: expected each public key once")
        # A signature line names its key by name and ID only; two keys that share both
        # could not be told apart.
        if (key.name, key.key_id) in self.signers:
            raise MalformedError(f"key {key.name}: expected each name and key ID once")
        self.signers.add((key.name, key.key_id))
        return key


def _line(*words: str | None) -> str:
    return " ".join(word for word in words if word is not None) + "\n"


def _name(word: bytes) -> str:
    # Octets, not characters: bytes that are not UTF-8 survive as lone surrogates, and
    # no two different names become equal.
    return word.decode(errors="surrogateescape")


def _url(words: list[bytes]) -> str | None:
    return _name(words[0]) if words else None


def _threshold(word: bytes, members: int) -> int:
    if word in (b"all", b"any"):
        return members if word == b"all" else 1
    threshold = parse_decimal(_name(word), "group")
    if not 1 <= threshold <= members:
        raise MalformedError(
            f"group: expected a threshold of 1 to {members}, got {threshold}"
        )
    return threshold


def _check_words(words: list[bytes], least: int, most: int | None, form: str) -> None:
    if len(words) < least or (most is not None and len(words) > most):
        raise MalformedError(f"expected {form}")


def _check_count(items: Sequence[object], what: str) -> None:
    if len(items) > MAX_LINES:
        raise MalformedError(f"{what}: expected at most {MAX_LINES}")
