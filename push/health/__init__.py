"""The fleet's health, inferred from what is heard: what is broken, since when, and what to do about it.

    ingest ─observe▶ Watch (columns) ─each minute▶ rules ─▶ Verdict ─hold▶ Judge ─group▶ Finding ─▶ alerts, inbox

Rules are plain functions over columns; docs/health.md says of each what it looks at and how long it takes. Only
fixtures and gateways are watched: of what people carry nothing is kept, but that an id of theirs was cloned.
"""
