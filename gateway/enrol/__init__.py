"""`footfall-gateway enrol`: a one-time code becomes a gateway that may connect.

code or URL ─target▶ exchange (own key and CSR, POST /v1/enrol) ─Enrolled▶ place ─▶ secret files, then config.toml
"""
