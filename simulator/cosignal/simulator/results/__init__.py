"""What comes out of a run.

======================================= ================================================
all of it                               `outcome`
who infected whom                       `infections`, `trees`
how fast                                `reproduction`
where, and in which phase               `attribution`
the figures people ask for              `figures`
======================================= ================================================
"""

from cosignal.simulator.results.outcome import Results

__all__ = ["Results"]
