"""What follows from what somebody did: taste, rhythm, worth, and how likely she is to come back.

statement ─reading▶ features of a facet ─join▶ the person's ─┬─ standing ─▶ everyone's (sketches)
visits, receipts ─signals▶ ──────────────────────────────────┴─figures▶ (with everyone's)
"""
