"""The real `Presence`, held against the truth: on recorded walks, and on simulated stores.

files ─▶ Walk, Receivers ─replay▶ Answers, second by second ─score▶ Figures ▶ table, plot
                            baselines ▶ Answers ────┘
"""
