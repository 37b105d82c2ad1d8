"""The course: one Markdown file a lesson beside this one, and what reads, checks, judges and remembers them.

No torch here: what a lesson computes, it asks the engine for.
"""

from pathlib import Path

COURSE = Path(__file__).parent
