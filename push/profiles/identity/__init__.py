"""Who is who: identifiers, the links between them, and the people that they make.

identifier ─kinds: spelled, or junk▶ facet (facets) ─┐
                          said to be another's (Link)▶ closure ─rules (graph)▶ components ─▶ `shoppers.person`
                                                                               └ refused ─▶ review
"""
