"""Everything that can be set, with meaning, unit, range, default and source.

======================================= ================================================
how a parameter is declared and checked `declaration`
the groups                              `population`, `disease`, `behaviour`, `app`
all of them together, by dotted names   `tree`
======================================= ================================================
"""
