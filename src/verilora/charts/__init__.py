"""Records -> pictures: how the loss, the main metric and the learning rate went.

A picture is described once, as `Panel`s of plain numbers; `png` draws them with matplotlib,
`svg` lays them out for a page that follows its reader's theme. Must not know models or data.
"""

from verilora.charts.png import write_curves

__all__ = ["write_curves"]
