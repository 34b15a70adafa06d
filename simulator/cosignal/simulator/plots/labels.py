"""Labels beside points that do not cover each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

if TYPE_CHECKING:
    from matplotlib.transforms import Bbox

#: Where a label may stand, in points from its own: the first that is free is taken.
_PLACES: Final = tuple(
    (side, level)
    for level in (-11, 5, -20, 14, -29, 23, -38, 32, -47, 41)
    for side in (6, -6)
)


def write_apart(axis: Axes, labels: Sequence[tuple[str, float, float]]) -> None:
    """Write labels; one that finds no free place is left out.

    Args:
        axis: With all else drawn, for places depend on its size.
        labels: Text and place of each, in the order of their importance.
    """
    canvas = FigureCanvasAgg(axis.get_figure(root=True))
    # Decides where panels are.
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    taken: list[Bbox] = []
    for text, x, y in labels:
        for right, up in _PLACES:
            written = axis.annotate(
                text,
                (x, y),
                xytext=(right, up),
                textcoords="offset points",
                ha="left" if right > 0 else "right",
                fontsize=7,
            )
            box = written.get_window_extent(renderer)
            inside = axis.bbox.padded(2).containsx(box.x0)
            inside &= axis.bbox.padded(40).containsx(box.x1)
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            written.remove()
