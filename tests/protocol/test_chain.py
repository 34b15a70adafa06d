import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.chain import Chain
from cosignal.protocol.chain_state import dump_chain, load_chain
from cosignal.protocol.errors import (
    ChainRuleError,
    ConsistencyError,
    CosignalError,
    MalformedError,
    QuorumError,
    StaleError,
    VerificationError,
)
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.policy import parse_policy
from cosignal.protocol.records import (
    ConfigurationRecord,
    GenesisRecord,
    RevocationRecord,
    SealRecord,
    sign_record,
)
from tests.protocol.reference_set import reference_set
from tests.protocol.sample_chain import NETWORK, RETENTION, SampleChain, signer

LENGTH = 6


def sample(blocks: int = LENGTH - 1) -> SampleChain:
    chain = SampleChain()
    for i in range(blocks):
        chain.add(chain.block(reference_set(20, seed=i), issuer=i % 4)[0])
    return chain


SAMPLE = sample()


def test_a_certified_chain_is_accepted_whole() -> None:
    chain, certified, entries = SAMPLE.start().advance(
        *SAMPLE.published(), now=SAMPLE.now
    )

    assert LENGTH == chain.size == certified.checkpoint.size
    assert list(range(LENGTH)) == [entry.index for entry in entries]
    assert SAMPLE.policy == chain.policy


@given(st.integers(0, LENGTH), st.integers(0, LENGTH))
def test_the_steps_in_which_a_chain_is_followed_do_not_matter(a: int, b: int) -> None:
    chain = SAMPLE.start()
    for size in sorted((a, b, LENGTH)):
        if size == 0:
            continue
        note = SAMPLE.checkpoint(size)
        chain, _, _ = chain.advance(note, SAMPLE.entries[chain.size : size], SAMPLE.now)

    assert SAMPLE.start().advance(*SAMPLE.published(), SAMPLE.now)[0] == chain


def refused_at(entries: list[bytes]) -> int:
    with pytest.raises(ChainRuleError) as caught:
        SAMPLE.start().advance(SAMPLE.checkpoint(), entries, SAMPLE.now)
    return caught.value.index


@given(st.integers(0, LENGTH - 2))
def test_a_deleted_entry_is_refused_at_its_index(index: int) -> None:
    entries = SAMPLE.entries[:index] + SAMPLE.entries[index + 1 :]

    assert index == refused_at(entries)


@given(st.integers(0, LENGTH - 1))
def test_a_duplicated_entry_is_refused_at_the_copys_index(index: int) -> None:
    entries = SAMPLE.entries[: index + 1] + SAMPLE.entries[index:]

    assert index + 1 == refused_at(entries)


@given(st.sets(st.integers(0, LENGTH - 1), min_size=2, max_size=2))
def test_swapped_entries_are_refused_at_the_first(pair: set[int]) -> None:
    first, second = sorted(pair)
    entries = list(SAMPLE.entries)
    entries[first], entries[second] = entries[second], entries[first]

    assert first == refused_at(entries)


@given(st.integers(0, LENGTH - 1), st.data())
def test_an_edited_entry_is_refused_and_never_passed_by(
    index: int, data: st.DataObject
) -> None:
    entries = list(SAMPLE.entries)
    edited = bytearray(entries[index])
    bit = data.draw(st.integers(0, len(edited) * 8 - 1))
    edited[bit // 8] ^= 1 << bit % 8
    entries[index] = bytes(edited)

    with pytest.raises(VerificationError) as caught:
        SAMPLE.start().advance(SAMPLE.checkpoint(), entries, SAMPLE.now)
    if isinstance(caught.value, ChainRuleError):
        # What only the next entry's `prev` can show is found there.
        assert index <= caught.value.index <= index + 1
    else:
        assert index == LENGTH - 1


@given(st.data())
def test_any_flipped_bit_in_a_checkpoint_is_refused(data: st.DataObject) -> None:
    note = bytearray(SAMPLE.checkpoint())
    bit = data.draw(st.integers(0, len(note) * 8 - 1))
    note[bit // 8] ^= 1 << bit % 8

    try:
        chain, _, _ = SAMPLE.start().advance(bytes(note), SAMPLE.entries, SAMPLE.now)
    except CosignalError:
        return
    # Renaming a signature's key makes it a stranger's, which the format ignores; the
    # other three still are a quorum for the same tree.
    assert SAMPLE.start().extend(SAMPLE.entries)[0].root() == chain.root()


def test_fewer_than_a_quorum_count_for_nothing() -> None:
    note = SAMPLE.checkpoint(signers=[0, 3])

    with pytest.raises(QuorumError):
        SAMPLE.start().advance(note, SAMPLE.entries, SAMPLE.now)


def test_a_quorum_that_fell_silent_for_a_day_is_stale() -> None:
    with pytest.raises(StaleError):
        SAMPLE.start().advance(*SAMPLE.published(), now=SAMPLE.now + 86401)


def test_a_smaller_checkpoint_is_refused() -> None:
    chain = SAMPLE.start().advance(*SAMPLE.published(), SAMPLE.now)[0]

    with pytest.raises(ConsistencyError, match="expected 6 or more, got 5"):
        chain.advance(SAMPLE.checkpoint(5), [], SAMPLE.now)


def test_another_root_at_the_same_size_is_refused() -> None:
    chain = SAMPLE.start().advance(*SAMPLE.published(), SAMPLE.now)[0]
    other = sample()
    other.entries[-1] = other.entries[-2]

    with pytest.raises(ConsistencyError, match="root"):
        chain.advance(other.checkpoint(), [], SAMPLE.now)


def test_another_networks_policy_file_is_refused_with_a_hint() -> None:
    stranger = SampleChain(members=5)

    with pytest.raises(ChainRuleError) as caught:
        stranger.start().extend(SAMPLE.entries)
    assert "--policy" in caught.value.advice


def test_a_record_of_a_stranger_is_refused() -> None:
    chain = sample(0)
    record, _ = chain.block()
    chain.add(record.replace(b"issuer authority-2", b"issuer authority-9"))

    with pytest.raises(ChainRuleError, match="expected a member"):
        chain.start().extend(chain.entries)


@pytest.mark.parametrize(
    ("time", "what"), [(-1, "time: expected"), (RETENTION + 301, "expires")]
)
def test_a_block_out_of_its_time_is_refused(time: int, what: str) -> None:
    chain = sample(1)
    chain.add(chain.block()[0], time=chain.now + time)

    with pytest.raises(ChainRuleError, match=what):
        chain.start().extend(chain.entries)


def test_a_policy_change_needs_the_old_quorum_and_the_new() -> None:
    chain = sample(1)
    stranger = SampleChain(members=7)
    changed = stranger.policy_record(2)
    for signers in (chain.issuers, stranger.issuers[4:], stranger.issuers[2:]):
        with pytest.raises(ChainRuleError, match="members' signatures"):
            chain.start().extend(
                [*chain.entries, unsigned_entry(chain, sign_record(changed, *signers))]
            )

    chain.add(sign_record(changed, *stranger.issuers))
    after = chain.start().extend(chain.entries)[0]

    assert changed == after.policy


def unsigned_entry(chain: SampleChain, record: bytes) -> bytes:
    entry = chain.add(record)
    chain.entries.pop()
    return entry


def usurped() -> SampleChain:
    """A chain of strangers, who use a true tlog-policy to begin with."""
    strangers = SampleChain()
    strangers.entries.clear()
    strangers.issuers = [signer(f"false/{key.name}", 1) for key in strangers.issuers]
    truth = strangers.policy_record(1)
    strangers.add(sign_record(truth, *strangers.issuers))
    strangers.cosigners = [
        signer(f"false/{key.name}", 4) for key in strangers.cosigners
    ]
    strangers.add(sign_record(strangers.policy_record(2), *strangers.issuers))
    return strangers


def test_strangers_cannot_begin_the_chain_below_the_true_tlog_policy() -> None:
    start = Chain.start(NETWORK, "1", parse_policy(SAMPLE.policy.pinned_text()))

    with pytest.raises(ChainRuleError, match="pinned policy"):
        start.extend(usurped().entries)

    assert start.extend(SAMPLE.entries)[0].size == LENGTH


def test_a_bare_tlog_policy_believes_none_but_its_own_witnesses() -> None:
    strangers = usurped()

    with pytest.raises(QuorumError):
        SAMPLE.start().advance(*strangers.published(), now=strangers.now)


def test_a_policy_version_cannot_be_skipped() -> None:
    chain = sample(1)
    chain.add(sign_record(chain.policy_record(3), *chain.issuers))

    with pytest.raises(ChainRuleError, match="expected 2, got 3"):
        chain.start().extend(chain.entries)


def configuration(
    version: int, network: str = NETWORK, alert: int = 900
) -> ConfigurationRecord:
    parameters = ExposureConfiguration(alert_day_score=alert)
    return ConfigurationRecord(network, version, parameters)


def configured(*versions: int) -> SampleChain:
    chain = sample(1)
    for version in versions:
        chain.add(sign_record(configuration(version), *chain.issuers[:3]))
    return chain


def test_a_chain_without_a_configuration_has_none_in_force() -> None:
    assert SAMPLE.start().extend(SAMPLE.entries)[0].configuration is None


def test_the_newest_configuration_is_in_force_from_its_entry_on() -> None:
    chain = configured(1, 2)
    chain.add(chain.block()[0])
    sizes = range(2, 6)

    versions = [
        chain.start().extend(chain.entries[:size])[0].configuration for size in sizes
    ]

    assert [None, *map(configuration, (1, 2, 2))] == versions


@pytest.mark.parametrize(
    ("versions", "what"),
    [
        ((2,), "configuration version: expected 1, got 2"),
        ((1, 1), "configuration version: expected 2, got 1"),
        ((1, 3), "configuration version: expected 2, got 3"),
        ((1, 2, 1), "configuration version: expected 3, got 1"),
    ],
)
def test_configuration_versions_have_no_gap_and_never_go_back(
    versions: tuple[int, ...], what: str
) -> None:
    chain = configured(*versions)

    with pytest.raises(ChainRuleError, match=what) as caught:
        chain.start().extend(chain.entries)
    assert len(chain.entries) - 1 == caught.value.index


def test_a_configuration_of_another_network_is_refused() -> None:
    chain = sample(1)
    record = configuration(1, "other.example")
    chain.add(sign_record(record, *chain.issuers))

    with pytest.raises(ChainRuleError, match=f"network: expected {NETWORK}"):
        chain.start().extend(chain.entries)


def test_a_configuration_needs_the_quorum_in_force() -> None:
    chain = sample(1)
    larger = SampleChain(members=7)
    chain.add(sign_record(larger.policy_record(2), *larger.issuers))
    for signers in (chain.issuers, larger.issuers[:4]):
        with pytest.raises(ChainRuleError, match="expected 5 of 7"):
            chain.start().extend(
                [
                    *chain.entries,
                    unsigned_entry(chain, sign_record(configuration(1), *signers)),
                ]
            )

    chain.add(sign_record(configuration(1), *larger.issuers[2:]))

    after = chain.start().extend(chain.entries)[0]
    assert configuration(1) == after.configuration


def test_a_configuration_with_another_parameter_than_was_signed_is_refused() -> None:
    chain = sample(1)
    record = sign_record(configuration(1), *chain.issuers)
    chain.add(record.replace(b"alert-day-score 900", b"alert-day-score 901"))

    with pytest.raises(ChainRuleError, match="expected one that verifies"):
        chain.start().extend(chain.entries)


def test_a_configuration_cannot_begin_a_chain() -> None:
    chain = SampleChain()
    chain.entries.clear()
    chain.add(sign_record(configuration(1), *chain.issuers))

    with pytest.raises(ChainRuleError, match="expected a policy before anything"):
        chain.start().extend(chain.entries)


def test_the_configuration_stays_in_force_in_the_next_shard() -> None:
    chain = configured(1, 2)
    chain.add(sign_record(SealRecord(NETWORK, "1"), *chain.issuers))
    sealed = chain.start().extend(chain.entries)[0]
    genesis = GenesisRecord(NETWORK, "2", "1", sealed.size, sealed.root())
    chain.entries = []
    chain.add(sign_record(genesis, *chain.issuers))

    second, _ = sealed.follow("2").extend(chain.entries)

    assert configuration(2) == second.configuration
    for version, fits in ((1, False), (2, False), (3, True)):
        entry = unsigned_entry(
            chain, sign_record(configuration(version), *chain.issuers)
        )
        if fits:
            assert configuration(3) == second.extend([entry])[0].configuration
        else:
            with pytest.raises(ChainRuleError, match="configuration version"):
                second.extend([entry])


def test_a_dump_keeps_the_configuration_in_force() -> None:
    chain = configured(1, 2)
    whole = chain.start().extend(chain.entries)[0]

    assert whole == load_chain(dump_chain(whole), SAMPLE.trust)


def test_a_dump_of_the_version_without_configurations_is_read() -> None:
    chain = SAMPLE.start().extend(SAMPLE.entries)[0]
    dump = json.loads(dump_chain(chain))
    del dump["configuration"]

    assert chain == load_chain(json.dumps(dump | {"version": 1}).encode(), SAMPLE.trust)
    for other in ({}, {"version": 3}):
        with pytest.raises(MalformedError):
            load_chain(json.dumps(dump | other).encode(), SAMPLE.trust)


@pytest.mark.parametrize("version", [True, 1.0, 2.0, "2", None, [2]])
def test_only_a_whole_number_is_the_version_of_a_dump(version: object) -> None:
    chain = SAMPLE.start().extend(SAMPLE.entries)[0]
    dump = json.loads(dump_chain(chain)) | {"version": version}

    with pytest.raises(MalformedError, match="expected version 2"):
        load_chain(json.dumps(dump).encode(), SAMPLE.trust)


def test_a_dump_with_another_record_as_configuration_is_malformed() -> None:
    chain = SAMPLE.start().extend(SAMPLE.entries)[0]
    dump = json.loads(dump_chain(chain))
    for text in (SAMPLE.policy.text(), "nonsense", 5):
        changed = json.dumps(dump | {"configuration": text}).encode()
        with pytest.raises(MalformedError):
            load_chain(changed, SAMPLE.trust)


def test_a_checkpoint_after_a_policy_change_answers_to_the_new_policy() -> None:
    chain, larger = sample(1), SampleChain(members=7)
    chain.add(sign_record(larger.policy_record(2), *larger.issuers))
    old_quorum = chain.checkpoint()

    with pytest.raises(QuorumError):
        chain.start().advance(old_quorum, chain.entries, chain.now)
    larger.entries = chain.entries
    assert chain.start().advance(*larger.published(), chain.now)[0].size == 3


def test_nothing_follows_a_seal() -> None:
    chain = sample(1)
    chain.add(sign_record(SealRecord(NETWORK, "1"), *chain.issuers))
    sealed = chain.start().extend(chain.entries)[0]
    entry = chain.add(chain.block()[0])

    assert sealed.sealed
    with pytest.raises(ChainRuleError, match="nothing after the seal"):
        sealed.extend([entry])


def test_the_next_shard_begins_with_the_end_of_the_one_before() -> None:
    chain = sample(1)
    chain.add(sign_record(SealRecord(NETWORK, "1"), *chain.issuers))
    sealed = chain.start().extend(chain.entries)[0]
    genesis = GenesisRecord(NETWORK, "2", "1", sealed.size, sealed.root())
    wrong = GenesisRecord(NETWORK, "2", "1", sealed.size, bytes(32))
    chain.entries = []
    good = chain.add(sign_record(genesis, *chain.issuers))
    chain.entries = []
    bad = chain.add(sign_record(wrong, *chain.issuers))

    second, _ = sealed.follow("2").extend([good])
    assert (second.shard, second.size) == ("2", 1)
    with pytest.raises(ChainRuleError, match="names the end of shard 1"):
        sealed.follow("2").extend([bad])


def test_a_revocation_is_signed_by_its_issuer() -> None:
    chain = sample(1)
    record = RevocationRecord(NETWORK, "authority-2", bytes(32), "faulty-test")

    chain.start().extend(
        [*chain.entries, unsigned_entry(chain, sign_record(record, chain.issuers[1]))]
    )
    with pytest.raises(ChainRuleError):
        chain.start().extend(
            [
                *chain.entries,
                unsigned_entry(chain, sign_record(record, chain.issuers[2])),
            ]
        )


def test_a_refused_step_changes_nothing() -> None:
    chain = SAMPLE.start().extend(SAMPLE.entries[:3])[0]
    before = dump_chain(chain)

    with pytest.raises(ChainRuleError):
        chain.extend([SAMPLE.entries[3], SAMPLE.entries[5]])
    assert before == dump_chain(chain)


@given(st.integers(0, LENGTH))
def test_a_dumped_chain_goes_on_where_it_was(size: int) -> None:
    chain = SAMPLE.start().extend(SAMPLE.entries[:size])[0]
    loaded = load_chain(dump_chain(chain), SAMPLE.trust)

    assert chain == loaded
    assert loaded.extend(SAMPLE.entries[size:])[0].size == LENGTH


@given(st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b'{"version":1}']))
def test_what_is_no_dump_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        load_chain(data, SAMPLE.trust)


def test_only_the_first_shard_starts_from_nothing() -> None:
    with pytest.raises(CosignalError, match="shard"):
        Chain.start(NETWORK, "2", SAMPLE.trust)
