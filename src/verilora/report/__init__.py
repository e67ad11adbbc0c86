"""Records -> pages: report.html of a run and of a verdict, readable without a program.

Must not know models or data.
"""

from verilora.report.run import write_report
from verilora.report.verdict import write_verdict_report

__all__ = ["write_report", "write_verdict_report"]
