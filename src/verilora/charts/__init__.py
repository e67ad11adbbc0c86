"""Records -> pictures: how a run went (`write_curves`), what a verdict compares (`write_verdict`).

A picture is described once, in words and plain numbers; `png` draws it with matplotlib,
`svg` lays it out for a page that follows its reader's theme. Must not know models or data.
"""

from verilora.charts.comparison_png import write_verdict
from verilora.charts.png import write_curves

__all__ = ["write_curves", "write_verdict"]
