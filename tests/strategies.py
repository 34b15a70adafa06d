"""What hypothesis draws: diagnosis keys, bodies' worth of them, entropy."""

import hashlib
from collections.abc import Callable

from hypothesis import strategies as st

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType

NOW = 1_764_000_000
DAY = 144
TODAY = NOW // 86400 * DAY


def counted_entropy(seed: str = "entropy") -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    counter = 0

    def entropy(size: int) -> bytes:
        nonlocal counter
        counter += 1
        return hashlib.shake_256(f"{seed}/{counter}".encode()).digest(size)

    return entropy


def diagnosis_keys(*, exact_onset: bool = False) -> st.SearchStrategy[DiagnosisKey]:
    """Keys that an authority may publish at `NOW`."""
    return st.builds(
        DiagnosisKey,
        data=st.binary(min_size=16, max_size=16),
        start=st.integers(2, 14).map(lambda days: TODAY - days * DAY),
        period=st.sampled_from([144, 144, 144, 1, 7, 100, 143]),
        report_type=st.sampled_from(
            [
                ReportType.CONFIRMED_TEST,
                ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
                ReportType.SELF_REPORT,
            ]
        ),
        infectiousness=st.sampled_from(Infectiousness),
        onset=st.integers(-14, 14) if exact_onset else st.none(),
    )


def key_sets(*, exact_onset: bool = False) -> st.SearchStrategy[list[DiagnosisKey]]:
    """One to forty different keys."""
    return st.lists(
        diagnosis_keys(exact_onset=exact_onset),
        min_size=1,
        max_size=40,
        unique_by=lambda key: key.data,
    )
