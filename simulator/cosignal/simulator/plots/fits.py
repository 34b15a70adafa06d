"""What a calibration found."""

from typing import TYPE_CHECKING

from cosignal.simulator.plots import style

if TYPE_CHECKING:
    from cosignal.simulator.experiments.calibration import Fit


def plot_fit(fit: "Fit") -> style.Drawing:
    """Draw each parameter: its posterior, or all trials against their distance."""
    names = list(fit.samples)
    drawing, axes = style.panels(1, len(names))
    for axis, name in zip(axes, names, strict=True):
        column = fit.samples[name]
        if fit.method == "abc-smc":
            axis.hist(
                column,
                weights=fit.weights,
                range=fit.ranges[name],
                bins=20,
                color=style.BLUE,
            )
            style.titled(
                axis,
                f"posterior, {len(column)} samples",
                style.with_unit(name),
                "weight",
            )
        else:
            axis.plot(column, fit.distances, "o", color=style.BLUE, markersize=4)
            axis.axvline(fit.best[name], color=style.RED, linewidth=1)
            axis.set_ylim(bottom=0)
            style.titled(
                axis,
                f"{len(column)} trials; line: the best",
                style.with_unit(name),
                "distance",
            )
    return drawing
