"""The goods that stores sell: what they are, what they cost and cost before, and where they are in stock.

API ▶ goods (rows, numbered by their last change) ─▶ prices (30 days back), stock (by store)
                      └─look▶ Catalogue: category, brand and sensitive of a million products, in columns
"""
