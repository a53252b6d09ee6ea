"""People and what they did, as files: from tills and CRM systems in, and out to them again.

file ▶ lines (CSV or JSONL) ▶ Said ▶ Statements ▶ collect, slice by slice; what is wrong goes into the error file
"""
