"""Groups of people by a rule, kept while people, time and rules change.

statements, merges, consents ─persons▶ reconsider ─▶ members, counts, moves (who entered, who left)
time: `due_ms` is over      ─persons▶     ▲
a new rule: everybody in slices ─persons▶ │
                                  facts (push.profiles.view) + rules (book)
"""
