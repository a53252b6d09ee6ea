"""The server: sightings in, welcome messages out.

    broker ▶ ingest ▶ presence ▶ campaigns ▶ (one transaction: mark, journal, visit, decision, outbox) ▶ ack
                                                          └▶ deliver ▶ channels ▶ phone ▶ receipts

Rooms import in one direction, wired in `app` alone:
cli ▶ app ▶ (api, console, channels, broker, database) ▶ (ingest, deliver) ▶ campaigns ▶
(presence, profiles, registry) ▶ model.
"""

import os

# The filter's matrices are small: threads of a numerical library only wait for each other, and take a half more CPU.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
