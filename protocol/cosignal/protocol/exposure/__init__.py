"""What an encounter means: windows, daily summaries, scores, and their parameters.

======================================= ================================================
the network's parameters                `configuration`
======================================= ================================================

The models are those of Exposure Notification, versions 1 and 2, to the letter. When to
warn a person follows from a configuration that stands on the chain, the same for all.
"""
