"""A week of a chain in minutes: people with habits, campaigns, and the real decisions on a real database.

crowd (who, when, where) ─▶ play ─occasions▶ `push.campaigns.answering` ─▶ receipts ─▶ tally ─▶ table, picture
                             ▲                       │
                             └── shown, opened, less ┘
"""
