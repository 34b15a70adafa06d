"""Many runs: sweeps with shared luck, ensembles, sensitivity, calibration.

======================================= ================================================
a run of an experiment                  `jobs`
where runs are done                     `pool`
finished runs in a folder               `kept`
points, all with the same seeds         `sweeps`
means, paired differences               `study`, `tables`, `statistics`
parameters from data                    `calibration`, `observed`, `search`, `abc_smc`
======================================= ================================================
"""

from cosignal.simulator.experiments.calibration import Fit, calibrate
from cosignal.simulator.experiments.statistics import Estimate
from cosignal.simulator.experiments.study import Study
from cosignal.simulator.experiments.sweeps import ensemble, sensitivity, sweep

__all__ = [
    "Estimate",
    "Fit",
    "Study",
    "calibrate",
    "ensemble",
    "sensitivity",
    "sweep",
]
