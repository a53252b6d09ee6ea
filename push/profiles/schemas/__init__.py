"""What events and traits consist of: learned from what arrives, laid down by people, and enforced where they want it.

statement ─see▶ names and types, counted ─▶ is it as laid down? ▶ counted, and refused where that is enforced
"""
