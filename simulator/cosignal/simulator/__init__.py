"""What an exposure-notification app does to an epidemic, with intervals, in seconds.

======================================= ================================================
what can be set                         `parameters`
chance, without a sequence              `streams`
who is there and whom they meet         `population`, `contacts`
the epidemic                            `disease`, `spread`
what people and authorities do          `interventions`
a run, day by day                       `simulation`
many runs                               `experiments`
what comes out                          `results`, `plots`, `report`
what others found, and what we find     `studies`
======================================= ================================================

Contacts are a pure function of seed, day and people: nothing is stored, and any past
day can be looked at again.
"""
