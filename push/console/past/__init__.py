"""What happened on a floor: heat, flows and time-lapse, drawn on the same plan as the live floor.

push.floors ▶ period (which time) ▶ heat, arrows, curve, lapse (drawings, as SVG's own numbers) ▶ pages
"""
