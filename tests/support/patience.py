"""How long tests wait for what must happen.

A machine on which everything takes many times as long is no failure, and whoever waits for longer has a defect to find;
less than pytest's own time-out all the same, which cannot say what was waited for.
"""

from typing import Final

PATIENCE_S: Final = 60.0
