"""The HTTP API: JSON typed by Structs, bearer tokens with scopes, errors as RFC 9457 problem details.

`contract` says what an endpoint is, `server` turns endpoints into an application, the other rooms hold
endpoints by whom they serve: `apps`, `messages`, `stream`, `registry` (its form is a
`seed`), `insight`. `openapi` describes all of them.
"""
