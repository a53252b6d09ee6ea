"""`footfall-gateway doctor`: everything that a gateway needs, looked at at once, each fault with its next step.

command ─▶ checks (which are there for these settings?) ─▶ run (at once, each to its deadline) ─Finding▶ table, JSON
             bluetooth, hearing, clock, network, files, service
"""
