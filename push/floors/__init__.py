"""What happened on stores' floors: minutes as ingest keeps them, and what is asked of visits, stays and minutes.

FloorMinute ▶ keeping ▶ database ▶ columns (visits, stays) ▶ occupancy, dwell, flows, paths, returning
                  packing -'    '▶ grids (minutes) ▶ heat, timelapse; counts
                                    each under few: no figure about fewer than five people, but to whoever may know all
"""
