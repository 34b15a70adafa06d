"""Who meets whom on a day, for how long and how near: a pure function.

======================================= ================================================
a day: key, closures, weekends          `days`
the contacts of one person              `slots`
every contact of a day, once            `edges`
how long, how near, how much            `attributes`
pairs of people drawn anew each day     `pairing`
======================================= ================================================
"""
