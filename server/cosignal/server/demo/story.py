"""What happens in the demonstration, and what must come of it.

What this module guarantees:

* Every sentence is said after what it says was seen.
* What must not happen is waited for as well: while two of four authorities are down,
  nothing may be published.
* What it returns was measured; nothing is written down beforehand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from cosignal.client.phone.upload_jobs import State
from cosignal.client.sources import HttpSource, Source
from cosignal.protocol.errors import SplitViewError
from cosignal.protocol.evidence import parse_evidence, verify_evidence
from cosignal.protocol.policy import quorum_size
from cosignal.server.clock import Clock
from cosignal.server.demo.network import (
    AUTHORITIES,
    SHARD,
    Authority,
    DemoFailedError,
    DemoNetwork,
)
from cosignal.server.demo.people import Meeting, People
from cosignal.server.demo.phones import Phones, QuickClock
from cosignal.server.demo.result import Result
from cosignal.server.demo.thief import forge_mirror
from cosignal.server.demo.view import NodeState, PhoneState, Stage

#: Symptoms of the patient began so many days ago.
ONSET_DAYS = 5
#: How long nothing may be published while there is no quorum.
SILENCE_SECONDS = 3.0
PHONES_AT_ONCE = 8
PAIRS_A_LINE = 8
WATCH_SECONDS = 0.25
SEQUENCER, ISSUER, SECOND, FIRST_KILLED = 1, 2, 3, 4


@dataclass
class Story:
    """The demonstration, from the first process to the last check.

    Attributes:
        network: The nodes.
        people: Who met whom.
        phones: What they carry.
        stage: Where it is shown.
        clock: Gives Unix seconds.
        strangers: Numbers of two more patients, who met nobody here.
    """

    network: DemoNetwork
    people: People
    phones: Phones
    stage: Stage
    clock: Clock
    strangers: Sequence[int]
    _sources: list[Source] = field(default_factory=list)
    # Policy and configuration.
    _size: int = 2
    _mirror: Path = Path()

    async def tell(self) -> Result:
        """Let everything happen.

        Returns:
            What was measured.

        Raises:
            DemoFailedError: Something did not happen as it must.
        """
        watching = asyncio.create_task(self._watch())
        try:
            await self._start()
            await self._introduce()
            await self._diagnose()
            await self._open_mirror()
            alerted = await self._sync_phones()
            await self._lose_one()
            await self._lose_two()
            await self._come_back()
            await self._refuse_thief()
            return await self._measure(alerted)
        finally:
            watching.cancel()

    # The network -------------------------------------------------------------------

    async def _start(self) -> None:
        quorum = quorum_size(AUTHORITIES)
        self.stage.say(
            f"{AUTHORITIES} authorities start, each its own process; {quorum} must "
            "co-sign whatever counts"
        )
        await self.network.all_reach(self._size, AUTHORITIES)
        for item in self.network.authorities.values():
            role = "co-signs and sequences" if item.number == SEQUENCER else "co-signs"
            self.stage.detail(f"{item.name} {role} at {item.url}")
        self.stage.say(
            "The chain begins: entry 0, the policy, and entry 1, how phones weigh "
            "encounters, are co-signed by all"
        )

    async def _watch(self) -> None:
        """Keep the picture of the nodes up to date."""
        while True:
            for number, item in self.network.authorities.items():
                state = self.stage.nodes.setdefault(number, NodeState(item.name))
                state.alive = item.process.running
                found = await self.network.checkpoint(item) if state.alive else None
                if found is not None:
                    state.size = found.checkpoint.size
                    state.cosignatures = len(found.cosignatures)
            await asyncio.sleep(WATCH_SECONDS)

    # The patient -------------------------------------------------------------------

    async def _introduce(self) -> None:
        people = self.people
        self.stage.phones.update(dict.fromkeys(people.numbers, PhoneState.WAITING))
        # In a thread: the nodes go on, and so does the picture.
        await asyncio.to_thread(
            self.phones.play, people, [people.patient, *self.strangers], self.clock()
        )
        self.stage.say(
            f"{len(people.numbers)} people met {len(people.meetings)} times in the "
            "last days, some only in passing (brackets); their phones exchanged "
            "identifiers, and nobody else knows:"
        )
        for day, meetings in groupby(people.meetings, key=_day):
            pairs = [_pair(item) for item in meetings]
            for start in range(0, len(pairs), PAIRS_A_LINE):
                part = "  ".join(pairs[start : start + PAIRS_A_LINE])
                self.stage.detail(f"{day}  {part}")

    async def _diagnose(self) -> None:
        patient = self.people.patient
        issuer = self.network.authorities[ISSUER]
        self.stage.say(
            f"Person {patient:02} tests positive at {issuer.name}; near were "
            f"{_listed(self.people.met(patient))}; "
            f"in passing {_listed(self.people.passed(patient)) or 'nobody'}"
        )
        await self._publish(issuer, patient)
        await self.network.eventually("the issuer to know", self._is_known(issuer))
        self.stage.say(
            f"The block is sealed, padded and co-signed: the chain has {self._size} "
            f"entries, {self._seal_to_quorum_ms():.0f} ms after sealing"
        )

    def _is_known(self, issuer: Authority) -> Callable[[], Awaitable[bool]]:
        """Whether an issuer's log says that its block is certified."""

        async def known() -> bool:
            return bool(issuer.event_times("blocks_certified"))

        return known

    async def _publish(self, issuer: Authority, patient: int) -> None:
        """Upload, and wait until the block is certified everywhere."""
        await self._upload(issuer, patient)
        self._size += 1
        await self.network.all_reach(self._size)

    async def _upload(self, issuer: Authority, patient: int) -> None:
        onset = datetime.fromtimestamp(self.clock(), UTC) - timedelta(days=ONSET_DAYS)
        date = onset.strftime("%Y-%m-%d")
        with self.phones.open(patient) as phone:
            job = await issuer.diagnose(phone, date, QuickClock(self.clock))
            if job.state is not State.DONE:
                raise DemoFailedError(
                    f"upload: expected keys taken, got {job.error}",
                    advice=phone.uploads.advice(job),
                )
        self.stage.say(
            f"A code is issued and used; {job.inserted} keys are uploaded to "
            f"{issuer.name}, durably"
        )

    def _seal_to_quorum_ms(self) -> float:
        issuer = self.network.authorities[ISSUER]
        sealed = issuer.event_times("block_sealed")[0]
        known = issuer.event_times("blocks_certified")
        return min(item - sealed for item in known if item >= sealed) * 1000

    # The phones --------------------------------------------------------------------

    async def _open_mirror(self) -> None:
        node = self.network.authorities[FIRST_KILLED]
        self._mirror = await self.network.make_mirror("mirror", node)
        source = await self.network.serve_folder(self._mirror)
        self.stage.say(
            f"cosignal mirror copies the chain; a plain web server serves it at "
            f"{source.name}"
        )
        nodes = [item.source for item in self.network.authorities.values()]
        # Every third phone reads the plain mirror, the others a node.
        self._sources = [*nodes, source, source]

    async def _sync_phones(self) -> set[int]:
        alerted = await self._sync_all()
        self.stage.say(
            f"All {len(self.people.numbers)} phones verify the chain, match and weigh "
            f"alone; alerted: {_listed(alerted)}"
        )
        number = min(alerted, default=self.people.patient)
        with self.phones.open(number) as phone:
            for alert in phone.alerts():
                self.stage.say(f"Phone {number:02} tells its owner:")
                for reason in alert.reasons():
                    self.stage.detail(reason)
        return alerted

    async def _sync_all(self) -> set[int]:
        """Sync every phone from its own source; return those that are alerted."""
        turns = asyncio.Semaphore(PHONES_AT_ONCE)

        async def one(number: int) -> bool:
            async with turns:
                source = self._sources[number % len(self._sources)]
                found = await self._sync(number, source)
                state = PhoneState.ALERTED if found else PhoneState.CLEAR
                self.stage.phones[number] = state
                return found

        numbers = list(self.people.numbers)
        found = await asyncio.gather(*(one(number) for number in numbers))
        return {number for number, hit in zip(numbers, found, strict=True) if hit}

    async def _sync(self, number: int, source: Source) -> bool:
        """Sync one phone; say whether its owner is alerted."""
        with self.phones.open(number) as phone:
            done = await phone.sync([source], self.clock())
            if done.chain.synced.missing:
                raise DemoFailedError(f"{source.name}: expected every body, got fewer")
            return bool(phone.alerts())

    # The faults --------------------------------------------------------------------

    async def _lose_one(self) -> None:
        lost = self.network.authorities[FIRST_KILLED]
        await lost.process.kill()
        self.stage.say(f"{lost.name} is killed (SIGKILL)")
        await self._publish(self.network.authorities[SECOND], self.strangers[0])
        found = await self.network.checkpoint(self.network.authorities[SEQUENCER])
        signed = len(found.cosignatures) if found else 0
        self.stage.say(
            f"The chain goes on: another patient's block is certified with {signed} "
            f"co-signatures, size {self._size}"
        )

    async def _lose_two(self) -> None:
        lost = self.network.authorities[SECOND]
        await lost.process.kill()
        self.stage.say(f"{lost.name} is killed as well; 2 of {AUTHORITIES} are left")
        sequencer = self.network.authorities[SEQUENCER]
        await self._upload(sequencer, self.strangers[1])

        async def ordered() -> bool:
            return await sequencer.figure("log_size") > self._size

        await self.network.eventually("the block to be ordered", ordered)
        await asyncio.sleep(SILENCE_SECONDS)
        for item in self.network.living():
            found = await self.network.checkpoint(item)
            if found is None or found.checkpoint.size != self._size:
                raise DemoFailedError(
                    f"{item.name}: expected nothing to be published without a quorum"
                )
        self.stage.say(
            "The block is sealed and ordered, but no quorum signs: for "
            f"{SILENCE_SECONDS:.0f} s nothing is published, size stays {self._size}"
        )

    async def _come_back(self) -> None:
        for number in (FIRST_KILLED, SECOND):
            await self.network.authorities[number].process.start()
        self.stage.say("Both are started again; each finds its place by itself")
        self._size += 1
        await self.network.all_reach(self._size, AUTHORITIES)
        self.stage.say(
            f"The chain resumes: the waiting block is certified by all, size "
            f"{self._size}"
        )

    async def _refuse_thief(self) -> None:
        network = self.network
        node = network.authorities[ISSUER]
        await network.update_mirror(self._mirror, node, self.clock())
        false = network.folder / "lying-mirror"
        forge_mirror(self._mirror, false, SHARD, network.log_key)
        source = await network.serve_folder(false)
        self.stage.say(
            "A thief with the log's stolen key opens a mirror with another history"
        )
        number = min(self.people.numbers)
        await self._sync(number, self._sources[0])
        await self._expect_refusal(number, source)

    async def _expect_refusal(self, number: int, source: HttpSource) -> None:
        try:
            await self._sync(number, source)
        except SplitViewError as error:
            kept = parse_evidence(error.evidence)
            statement = verify_evidence(kept, self.network.pinned)
            self.stage.say(
                f"Phone {number:02} refuses it and keeps the evidence, "
                f"{statement.kind}:"
            )
            self.stage.detail(kept.file_name)
            self.stage.detail(statement.text())
            return
        raise DemoFailedError("the forged checkpoint: expected to be refused")

    # The result --------------------------------------------------------------------

    async def _measure(self, alerted: set[int]) -> Result:
        again = await self._sync_all()
        if again != alerted:
            raise DemoFailedError(
                "phones: expected the same alerts after a second sync"
            )
        with self.phones.open(self.people.patient) as phone:
            records = [block.record for block in phone.blocks]
        final = await self.network.checkpoint(self.network.authorities[SEQUENCER])
        if final is None:
            raise DemoFailedError("the final checkpoint: expected one, got none")
        expected = self.people.met(self.people.patient)
        keys = sum(record.keys for record in records)
        return Result(
            authorities=len(self.network.living()),
            quorum=quorum_size(AUTHORITIES),
            phones=len(self.stage.phones),
            keys_published=keys,
            blocks=len(records),
            checkpoint_size=final.checkpoint.size,
            cosignatures=len(final.cosignatures),
            expected_alerts=len(expected),
            alerts=len(alerted),
            missed=len(expected - alerted),
            false_alerts=len(alerted - expected),
            seal_to_quorum_ms=round(self._seal_to_quorum_ms(), 1),
            body_bytes_per_key=round(
                sum(record.body_bytes for record in records) / keys, 2
            ),
        )


def _day(meeting: Meeting) -> str:
    return datetime.fromtimestamp(meeting.start, UTC).strftime("%Y-%m-%d")


def _pair(meeting: Meeting) -> str:
    pair = f"{meeting.first:02}-{meeting.second:02}"
    return pair if meeting.near else f"({pair})"


def _listed(numbers: Iterable[int]) -> str:
    return " ".join(f"{number:02}" for number in sorted(numbers))
