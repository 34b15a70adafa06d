"""The demonstration: a whole network of real processes, and what happens to it.

============ ==================================================================
`phones`     people who met, with the identifiers that their phones exchanged
`processes`  nodes and mirrors as processes that end with this one
`network`    four authorities, started, killed, restarted and asked
`thief`      what somebody can do with a stolen log key
`story`      what happens, in order
`result`     what was measured, and what must come of it
`view`       how it is shown
============ ==================================================================

Everything goes through the same commands, APIs and files as in a real network; only
keys, clocks' daylight and people are invented. Nothing it prints is written down before
it was measured.
"""
