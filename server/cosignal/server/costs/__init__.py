"""What a day costs a phone: measured on a practice network, beside others' figures.

========================== ===========================================================
what is measured           `scenarios`
the chain that is read     `keys`, `practice_network`, `file_server`
the phone's day            `day`, `tls`
others' figures            `peers`
========================== ===========================================================
"""
