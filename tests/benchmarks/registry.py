"""Every figure and its budget, from the cheapest to the dearest to measure."""

from functools import partial

from tests.benchmarks import (
    bodies,
    cold_phone,
    costs,
    matching,
    merkle,
    sealing,
    simulation,
    static,
    uploads,
)
from tests.benchmarks.figures import Budget, Figure

FIGURES = (
    Figure(
        "body_bytes_per_key_1k",
        "bytes",
        partial(bodies.bytes_per_key, 1_000),
        Budget(16.8),
    ),
    Figure(
        "body_bytes_per_key_10k",
        "bytes",
        partial(bodies.bytes_per_key, 10_000),
        Budget(16.3),
    ),
    Figure(
        "body_bytes_per_key_100k",
        "bytes",
        partial(bodies.bytes_per_key, 100_000),
        Budget(16.2),
    ),
    Figure("body_decode_ns_per_key_100k", "ns", bodies.decode_ns_per_key, Budget(5.0)),
    Figure("merkle_leaves_per_s", "leaves/s", merkle.leaves_per_s),
    Figure("cold_phone_s_700k", "s", cold_phone.seconds, Budget(3.0)),
    Figure("client_bytes_per_day", "bytes", costs.bytes_per_day),
    Figure(
        "match_numba_us_per_key_2k",
        "us",
        partial(matching.compiled_us_per_key, 2_000),
        Budget(0.9),
    ),
    Figure(
        "match_numba_us_per_key_100k",
        "us",
        partial(matching.compiled_us_per_key, 100_000),
    ),
    Figure(
        "match_ratio_openssl_limit",
        "ratio",
        matching.ratio_to_openssl,
        Budget(0.5, at_least=True),
    ),
    Figure(
        "match_portable_us_per_key", "us", matching.portable_us_per_key, Budget(15.0)
    ),
    Figure("match_thread_speedup_2", "ratio", partial(matching.thread_speedup, 2)),
    Figure("static_block_ratio_nginx", "ratio", static.ratio_to_nginx),
    Figure(
        "uploads_per_s_core",
        "uploads/s",
        uploads.per_s,
        Budget(2_500, at_least=True),
    ),
    Figure("seal_to_quorum_ms_p95_n4", "ms", partial(sealing.p95_ms, 4), Budget(50.0)),
    Figure("seal_to_quorum_ms_p95_n16", "ms", partial(sealing.p95_ms, 16)),
    Figure(
        "sim_agent_days_per_s_1m",
        "agent-days/s",
        simulation.agent_days_per_s,
        Budget(15e6, at_least=True),
    ),
    Figure("sim_peak_mb_1m", "MB", simulation.peak_mb, Budget(500.0)),
    Figure("sim_peak_mb_10m", "MB", simulation.peak_mb_10m, Budget(2_000.0)),
    Figure("sim_start_s", "s", simulation.start_seconds, Budget(2.0)),
    Figure(
        "sim_thread_speedup_2",
        "ratio",
        partial(simulation.thread_speedup, 2),
        Budget(1.6, at_least=True),
    ),
    Figure(
        "sim_ratio_covasim_100k",
        "ratio",
        simulation.ratio_to_covasim,
        Budget(10.0, at_least=True),
    ),
    Figure(
        "sim_ratio_starsim_100k",
        "ratio",
        simulation.ratio_to_starsim,
        Budget(5.0, at_least=True),
    ),
    Figure("sim_sweep_s", "s", simulation.sweep_seconds),
)
