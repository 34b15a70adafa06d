"""What the demonstration measured, and whether it is what must come of it."""

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; the demonstration's JSON.

    Attributes:
        authorities: Nodes in the network.
        quorum: Co-signatures that a checkpoint needs.
        phones: Phones that synced.
        keys_published: Keys on the chain, dummies included: nobody can tell them apart.
        blocks: Blocks on the chain.
        checkpoint_size: Entries under the final checkpoint.
        cosignatures: Authorities that signed it.
        expected_alerts: Phones whose owner met the patient.
        alerts: Phones that found an exposure.
        missed: Phones that should have and did not.
        false_alerts: Phones that should not have and did.
        seal_to_quorum_ms: From sealing the patient's block to knowing it certified, as
            the issuing node's log says.
        body_bytes_per_key: Size of all bodies by the number of keys in them.
    """

    authorities: int
    quorum: int
    phones: int
    keys_published: int
    blocks: int
    checkpoint_size: int
    cosignatures: int
    expected_alerts: int
    alerts: int
    missed: int
    false_alerts: int
    seal_to_quorum_ms: float
    body_bytes_per_key: float

    def failures(self) -> list[str]:
        """What came out otherwise than it must; empty when all is well."""
        checks = {
            f"{self.missed} people who met the patient were not alerted": self.missed,
            f"{self.false_alerts} people were alerted for nothing": self.false_alerts,
            "nobody met the patient; try another seed": not self.expected_alerts,
            "the final checkpoint has no quorum": self.cosignatures < self.quorum,
        }
        return [text for text, failed in checks.items() if failed]
