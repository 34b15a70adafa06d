"""The exposure-notification app, from who has it to who stays at home.

======================================= ================================================
day by day                              `intervention`
who has it, from when to when           `adoption`
what a phone makes of a contact         `radio`
how much a published day weighs         `infectiousness`
whom published keys alert               `exposures`
what people do about it                 `alerts`
how far warnings get                    `cascade`
======================================= ================================================
"""

from cosignal.simulator.interventions.app.intervention import App

__all__ = ["App"]
