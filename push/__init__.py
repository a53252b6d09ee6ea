"""The server: sightings in, welcome messages out.

    broker ▶ ingest ▶ presence ▶ campaigns ▶ (one transaction: mark, journal, visit, decision, outbox) ▶ ack
                                                          └▶ deliver ▶ channels ▶ phone ▶ receipts

Rooms import in one direction, wired in `app` alone:
cli ▶ app ▶ (api, console, channels, broker, database) ▶ (ingest, deliver) ▶ campaigns ▶
(presence, profiles, registry) ▶ model.
"""
