"""The real `Presence`, held against the truth: on recorded walks, and in a simulated store.

files ─▶ Walk, Receivers ─replay─▶ Answers ─┐
                         └baselines▶ Answers ┴score, second by second▶ Figures ▶ table, plot, a line of JSON

recording (firmware, radio) ▶ Packets ─reporting (windows, faults)─▶ Reports ─watching─▶ what presence said
                                                                     └schooling: gateways learn
truth ─────────────────────────────────────────────────────────────────▶ verdict ▶ table, a line of JSON
"""
