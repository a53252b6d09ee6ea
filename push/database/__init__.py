"""The database port on two engines: SQLite on one machine, PostgreSQL past it.

    sql/*.sql ─▶ statements ─▶ schema ─▶ open ─▶ sqlite | postgres
    migrations/*.sql ─▶ migrations ─┘

Portable SQL lives in files as named statements; `open.open_database` brings the tables up to date and returns an
adapter of `push.model.ports.Database`.
"""
