"""The live floor.

presence, registry ▶ mask (what may be told to whom) ▶ floors (one picture a second, for all who look) ▶ event stream
                     shapes, dots, feed ------------'
"""
