"""The infection: courses, infectiousness, immunity, variants, vaccination.

======================================= ================================================
what happens in a run                   `outbreak`
a course, drawn at infection            `courses`
what protects from it                   `immunity`
the parameters as look-ups              `tables`, `lattice`
beta of R0 or of a growth rate          `transmissibility`
infections from outside                 `imports`
vaccination by schedule                 `vaccination`
named diseases, with sources            `presets`
======================================= ================================================
"""
