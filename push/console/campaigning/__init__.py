"""Campaigns as the console shows them: in words, as a form, as they do, on a phone, over weeks.

recipe ─▶ sheet (a form's values and rows) ─▶ Campaign ─▶ faults, each beside its field
                                                  `─────▶ phone (rendered for people of its audience)
"""
