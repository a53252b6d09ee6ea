"""The innermost room: the values that flow through the server, and what each room needs of the outside."""
