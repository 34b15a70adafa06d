"""What an encounter means: windows, daily summaries, scores, and their parameters.

======================================= ================================================
the network's parameters                `configuration`
the four bytes beside an identifier     `metadata`
which sightings of a key count          `sightings`
half hours near somebody (version 2)    `windows`
what a day weighs, and when to warn     `summaries`
the older risk score (version 1)        `scores`
keys that are published again           `revisions`
======================================= ================================================

The models are those of Exposure Notification, versions 1 and 2, to the letter. When to
warn a person follows from a configuration that stands on the chain, the same for all.
"""
