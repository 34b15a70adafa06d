"""How plots look: colours that colour-blind readers can tell apart, quiet axes."""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.dictionary import entries

try:
    from matplotlib import colormaps
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter
except ImportError as _error:
    raise UsageError(
        "plot: expected matplotlib to be installed, got none",
        advice="pip install cosignal[plots]",
    ) from _error

#: Okabe and Ito 2008, "Color Universal Design".
BLUE: Final = "#0072b2"
ORANGE: Final = "#e69f00"
GREEN: Final = "#009e73"
RED: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
SKY: Final = "#56b4e9"
GREY: Final = "#8a8a8a"
LAYER_COLOURS: Final = {
    "household": BLUE,
    "school": ORANGE,
    "work": GREEN,
    "care": PURPLE,
    "community": SKY,
}
_THOUSAND: Final = 1000
_MILLION: Final = 1_000_000


class Drawing(Figure):
    """A figure that notebooks show by themselves, without any set-up."""

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=96)
        return data.getvalue()


def panels(
    rows: int, columns: int, *, width: float = 4.2, height: float = 3.1
) -> tuple[Drawing, list[Axes]]:
    """A figure of equal panels.

    Args:
        rows: Above each other.
        columns: Beside each other.
        width: Of a panel, inches.
        height: Of a panel, inches.

    Returns:
        The figure, and its panels row by row.
    """
    drawing = Drawing(
        figsize=(columns * width, rows * height), layout="constrained", dpi=110
    )
    grid = drawing.subplots(rows, columns, squeeze=False)
    axes = [axis for row in grid for axis in row]
    for axis in axes:
        quiet(axis)
    return drawing, axes


def quiet(axis: Axes) -> None:
    """Only what helps to read."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)


def titled(axis: Axes, title: str, x: str = "", y: str = "") -> None:
    """Say what a panel shows."""
    axis.set_title(title, fontsize=10, loc="left")
    axis.set_xlabel(x, fontsize=8)
    axis.set_ylabel(y, fontsize=8)


def counted(axis: Axes, which: str = "y") -> None:
    """Write thousands as 12k and millions as 3M."""
    target = axis.yaxis if which == "y" else axis.xaxis
    target.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def short(value: float) -> str:
    """Write a count in few characters.

    >>> short(12_000), short(2_500_000), short(30), short(0.5)
    ('12k', '2.5M', '30', '0.5')
    """
    for unit, name in ((_MILLION, "M"), (_THOUSAND, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def weekly(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shape (..., days). Mean of seven days around each; fewer at both ends."""
    ends = [(0, 0)] * (rows.ndim - 1)
    sums = np.cumsum(np.pad(rows, [*ends, (1, 0)]), axis=-1)
    days = rows.shape[-1]
    first = np.maximum(np.arange(days) - 3, 0)
    last = np.minimum(np.arange(days) + 4, days)
    found: npt.NDArray[np.float64] = (sums[..., last] - sums[..., first]) / (
        last - first
    )
    return found


def ramp(number: int) -> Sequence[Any]:
    """Colours for ordered values, from dark to light but never too light."""
    chosen = colormaps["viridis"]
    return [chosen(0.88 * i / max(number - 1, 1)) for i in range(number)]


def with_unit(name: str) -> str:
    """A parameter's name as words, with its unit where it has one.

    >>> with_unit("app.publish_delay"), with_unit("app.adoption")
    ('app publish delay (hours)', 'app adoption')
    """
    units = {item.name: item.unit for item in entries()}
    unit = units.get(name, "")
    return readable(name) + (f" ({unit})" if unit not in ("", "1") else "")


def readable(name: str) -> str:
    """Names of parameters and figures as words.

    >>> readable("app.adoption"), readable("peak_infections")
    ('app adoption', 'peak infections')
    """
    return name.replace("_", " ").replace(".", " ")
