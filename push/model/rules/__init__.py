"""Rules about people: one typed tree, which segments ask now, and campaigns the same.

    JSON ─parse▶ tree ─check▶ Check(facts, now_ms) -> bool
                  │ `─explain▶ what each part says, in words, and what it saw
                  `──turns▶ when time alone may change the answer

A rule reads `facts`: a flat mapping from names to values, put together elsewhere. What is not in there is unknown.
Everything here is pure.
"""
