"""Operators: who they are, how they prove it, and what they may do.

    setup (once) ─┐
    login ────────┴▶ sessions.Opened ─▶ cookie ─▶ sessions.find ─▶ Session (who, what she may, csrf)
      └ limits ▶ passwords ▶ totp                      └ traces: when she was last here, written down later

`operators` keeps the records, `self_service` is what she changes of her own proofs. Every function takes the `Desk`.
"""
