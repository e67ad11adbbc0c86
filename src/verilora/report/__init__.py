"""Records -> pages: report.html of a run, self-contained and readable without a program.

Must not know models or data.
"""

from verilora.report.run import write_report

__all__ = ["write_report"]
