import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.notes import ALG_COSIGNATURE, ALG_ED25519, VerifierKey
from cosignal.protocol.policy import (
    MAX_LINES,
    Group,
    Log,
    Policy,
    Witness,
    authorities_policy,
    first_policy_line,
    parse_policy,
    quorum_size,
)
from tests.protocol.sample_log import (
    LOG,
    WITNESSES,
    log_line,
    parses_or_is_malformed,
    policy_of,
    signer,
    witness_lines,
)

TEXT = policy_of()
VKEYS = [key.verifier.encode() for key in WITNESSES]
NAMES = ["authority-1", "authority-2", "authority-3", "authority-4"]


def parse(*lines: str) -> Policy:
    return parse_policy("".join(f"{line}\n" for line in lines).encode())


def test_a_policy_names_logs_witnesses_and_the_quorum() -> None:
    policy = parse_policy(TEXT)

    assert policy == Policy(
        (Log(LOG.verifier),),
        tuple(witness_lines()),
        (Group("authorities", 3, tuple(NAMES)),),
        "authorities",
    )
    assert policy.logs_of(LOG.name) == policy.logs
    assert policy.logs_of("other") == ()
    assert policy.witness("authority-2") == policy.witnesses[1]
    assert policy.witness("nobody") is None
    assert len(policy.keys) == 5


def test_a_written_policy_can_be_read_back() -> None:
    witnesses = [
        Witness(item.name, item.key, f"https://{item.name}.example/")
        for item in witness_lines()
    ]

    policy = parse_policy(authorities_policy(log_line(), witnesses))

    assert policy == parse_policy(TEXT)
    assert policy.logs[0].url == "https://log.example/"
    assert policy.witnesses[0].url == "https://authority-1.example/"


def test_sixty_four_authorities_fit() -> None:
    keys = [signer(f"a{i}.example", ALG_COSIGNATURE) for i in range(MAX_LINES)]

    policy = parse_policy(authorities_policy(log_line(), witness_lines(keys)))

    assert policy.groups[0].threshold == 43
    assert policy.satisfied({f"a{i}" for i in range(43)})
    assert not policy.satisfied({f"a{i}" for i in range(42)})


def test_spaces_tabs_comments_and_blank_lines_mean_nothing() -> None:
    loose = TEXT.replace(b" ", b" \t ").replace(b"\n", b"\t \n\n \t# comment \xff\n  ")

    assert parse_policy(loose + b"\n") == parse_policy(TEXT)


def test_only_ascii_blanks_divide_words() -> None:
    for blank in ("\u00a0", "\u2003", "\u0085"):
        name = f"A{blank}B"
        policy = parse(f"witness {name} {VKEYS[0]}", f"quorum {name}")
        assert policy.quorum == name


def test_names_are_octets() -> None:
    kelvin = parse_policy(
        f"witness K {VKEYS[0]}\nwitness \u212a {VKEYS[1]}\nquorum K\n".encode()
    )
    latin = b"witness caf\xe9 " + VKEYS[0].encode() + b"\nquorum caf\xe9\n"

    assert len({item.name for item in kelvin.witnesses}) == 2
    assert parse_policy(latin).quorum.encode(errors="surrogateescape") == b"caf\xe9"


def test_a_comment_may_name_the_first_policy_record() -> None:
    first = hashlib.sha256(b"record").digest()
    line = first_policy_line(first).encode()

    assert parse_policy(TEXT + line).first == first
    assert parse_policy(TEXT).first is None
    assert parse_policy(TEXT) == parse_policy(TEXT + line)


@pytest.mark.parametrize("rest", ["", " first-policy", " first-policy AA==", " other"])
def test_a_broken_name_of_the_first_policy_record_is_refused(rest: str) -> None:
    with pytest.raises(MalformedError, match=r"first-policy|hash"):
        parse_policy(TEXT + f"# cosignal{rest}\n".encode())


def test_the_first_policy_record_is_named_once() -> None:
    line = first_policy_line(bytes(32)).encode()

    with pytest.raises(MalformedError, match="once"):
        parse_policy(TEXT + line + line)


def test_urls_and_comments_do_not_make_another_policy() -> None:
    plain = parse(f"witness A {VKEYS[0]}", "quorum A")
    dressed = parse("# hello", f"witness A {VKEYS[0]} https://a.example/", "quorum A")

    assert plain == dressed


NESTED = (
    f"witness X1 {VKEYS[0]}",
    f"witness X2 {VKEYS[1]}",
    f"witness Y1 {VKEYS[2]}",
    f"witness Y2 {VKEYS[3]}",
    "group X all X1 X2",
    "group Y any Y1 Y2",
    "group both 2 X Y",
    "quorum both",
)


@pytest.mark.parametrize(
    ("signed", "enough"),
    [
        (set(), False),
        ({"X1", "X2"}, False),
        ({"Y1", "Y2"}, False),
        ({"X1", "Y1", "Y2"}, False),
        ({"X1", "X2", "Y2"}, True),
        ({"X1", "X2", "Y1", "Y2", "stranger"}, True),
        ({"X", "Y"}, False),
        ({"both"}, False),
    ],
)
def test_groups_of_groups_are_counted_from_the_witnesses_up(
    signed: set[str], *, enough: bool
) -> None:
    assert parse(*NESTED).satisfied(signed) == enough


def test_one_witness_can_be_the_quorum() -> None:
    policy = parse(f"witness A {VKEYS[0]}", f"witness B {VKEYS[1]}", "quorum B")

    assert policy.satisfied({"B"})
    assert not policy.satisfied({"A"})


def test_no_quorum_is_never_satisfied() -> None:
    policy = parse(f"log {LOG.verifier.encode()}", *NESTED[:4], "quorum none")

    assert not policy.satisfied({"X1", "X2", "Y1", "Y2", "none"})


A, B = f"witness A {VKEYS[0]}", f"witness B {VKEYS[1]}"
COSIGNER_OF_A = VerifierKey.named(
    "other", ALG_COSIGNATURE, WITNESSES[0].verifier.public_key
)


@pytest.mark.parametrize(
    "lines",
    {
        "no quorum": (A,),
        "two quorums": (A, "quorum A", "quorum A"),
        "unknown quorum": (A, "quorum B"),
        "quorum before its witness": ("quorum A", A),
        "quorum of two": (A, B, "quorum A B"),
        "unknown word": (A, "quorum A", "witnesses B"),
        "log without a key": ("log", A, "quorum A"),
        "log with too much": (f"log {LOG.verifier.encode()} u u", A, "quorum A"),
        "log with a cosigner's key": (f"log {VKEYS[0]}", A, "quorum A"),
        "witness with a log's key": (f"witness A {LOG.verifier.encode()}", "quorum A"),
        "witness without a key": ("witness A", "quorum A"),
        "witness named none": (f"witness none {VKEYS[0]}", "quorum none"),
        "one name twice": (A, f"witness A {VKEYS[1]}", "quorum A"),
        "one key twice": (A, f"witness B {VKEYS[0]}", "quorum A"),
        "one key under two names": (
            A,
            f"witness B {COSIGNER_OF_A.encode()}",
            "quorum A",
        ),
        "one log twice": (f"log {LOG.verifier.encode()}",) * 2 + (A, "quorum A"),
        "group of nobody": (A, "group G any", "quorum A"),
        "group of a stranger": (A, "group G any A B", "quorum G"),
        "group of none": (A, "group G any A none", "quorum G"),
        "group of itself": (A, "group G any A G", "quorum G"),
        "group with a witness's name": (A, B, "group A any B", "quorum A"),
        "member twice": (A, "group G any A A", "quorum G"),
        "member of two groups": (A, B, "group G any A", "group H any A B", "quorum G"),
        "threshold of zero": (A, "group G 0 A", "quorum G"),
        "threshold too high": (A, "group G 2 A", "quorum G"),
        "threshold with a zero": (A, "group G 01 A", "quorum G"),
        "threshold in words": (A, "group G most A", "quorum G"),
        "broken key": (A[:-4], "quorum A"),
        "carriage return": (A + "\r", "quorum A"),
        "delete character": (A, "quorum A", "# \x7f"),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_line_that_breaks_the_grammar_is_refused(
    lines: tuple[str, tuple[str, ...]],
) -> None:
    with pytest.raises(MalformedError, match="policy"):
        parse(*lines[1])


def test_the_message_says_which_line_is_wrong() -> None:
    with pytest.raises(MalformedError, match="line 3"):
        parse(A, "", "gruop G any A")


def test_a_file_cut_short_is_refused() -> None:
    with pytest.raises(MalformedError, match="newline") as error:
        parse_policy(TEXT[:-1])

    assert error.value.advice


def test_keys_that_share_name_and_id_are_refused() -> None:
    # An ID has four bytes, so a real collision took 100,000 tries.
    first, second = (
        VerifierKey.named(
            "twin.example", ALG_COSIGNATURE, hashlib.sha256(number).digest()
        )
        for number in (b"26854", b"133602")
    )

    assert first.key_id == second.key_id
    with pytest.raises(MalformedError, match="ID once"):
        parse(f"witness A {first.encode()}", f"witness B {second.encode()}", "quorum A")


def test_too_many_witnesses_are_refused() -> None:
    keys = [signer(f"a{i}.example", ALG_COSIGNATURE) for i in range(MAX_LINES + 1)]

    with pytest.raises(MalformedError, match="at most 64"):
        parse_policy(policy_of(keys, 44))


@given(st.binary(max_size=200))
def test_random_bytes_are_no_policy(data: bytes) -> None:
    assert parses_or_is_malformed(parse_policy, data) is None


@given(st.lists(st.sampled_from([*TEXT.decode().split(), "\n", "#", "3", "A"])))
def test_shuffled_words_are_a_policy_or_malformed(words: list[str]) -> None:
    data = f"{' '.join(words)}\n".encode()

    policy = parses_or_is_malformed(parse_policy, data)

    assert policy is None or policy.quorum


@pytest.mark.parametrize(
    "witnesses",
    [
        [],
        [Witness("two words", WITNESSES[0].verifier)],
        [Witness("A", WITNESSES[0].verifier, "https://a.example/ b")],
        [Witness("A", WITNESSES[0].verifier, "")],
        [Witness("A", WITNESSES[0].verifier, f"https://a.example/\n{B}")],
        [Witness("A", WITNESSES[0].verifier, "https://a.example/\n# b")],
        [Witness("A", LOG.verifier)],
    ],
)
def test_what_is_no_policy_is_not_written(witnesses: list[Witness]) -> None:
    with pytest.raises(UsageError):
        authorities_policy(log_line(), witnesses)


def test_a_log_with_a_cosigner_key_is_not_written() -> None:
    with pytest.raises(UsageError):
        authorities_policy(Log(WITNESSES[0].verifier), witness_lines())


@pytest.mark.parametrize(
    ("authorities", "quorum"), [(1, 1), (3, 3), (4, 3), (7, 5), (10, 7), (50, 34)]
)
def test_the_quorum_is_more_than_two_thirds(authorities: int, quorum: int) -> None:
    assert quorum == quorum_size(authorities)
    assert 3 * quorum > 2 * authorities


def test_a_log_key_may_also_cosign_under_its_own_type() -> None:
    both = signer(LOG.name, ALG_COSIGNATURE)

    policy = parse(
        f"log {signer(LOG.name, ALG_ED25519).verifier.encode()}",
        f"witness A {both.verifier.encode()}",
        "quorum A",
    )

    assert len({key.key_id for key in policy.keys}) == 2


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x01", b"cosignal/policy/v1\nnetwork a\n", b"# comment\n", b"logs\n"],
)
def test_a_file_that_is_no_policy_at_all_is_told_from_a_wrong_one(data: bytes) -> None:
    with pytest.raises(MalformedError, match="log, witness, group or quorum") as caught:
        parse_policy(data)
    assert "no policy file" in caught.value.advice
