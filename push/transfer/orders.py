"""Orders as tills export them: a row for each piece, and the rows of one order one after the other. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from push.model.errors import Fault
from push.transfer import columns
from push.transfer.said import Read, Said

EVENT: Final = "Order Completed"
"""As Segment's specification names it ("E-Commerce Events")."""
MOST_PIECES: Final = 200
"""Of one order; a longer one goes on as another event of the same order."""
_OF_ORDER: Final = ("order_id", "currency", "total", "store")


class _Piece(NamedTuple):
    """A row: what it says of the order, and the piece that was bought."""

    line: int
    order: str
    said: Said
    product: dict[str, object]


def gathered(rows: Iterable[tuple[int, columns.Cells]]) -> Iterator[Read]:
    """Orders of rows that follow each other; each at the line where it begins."""
    held: list[_Piece] = []
    for number, row in rows:
        found = _piece(number, row)
        if held and (isinstance(found, Read) or found.order != held[0].order or len(held) == MOST_PIECES):
            yield _order(held)
            held = []
        if isinstance(found, Read):
            yield found
        else:
            held.append(found)
    if held:
        yield _order(held)


def _piece(line: int, row: columns.Cells) -> _Piece | Read:
    """A row as a piece of an order, or what is wrong with it."""
    found, faults = columns.values(row)
    own = columns.part_of(found, "own")
    missing = [name for name in ("order_id", "at") if name not in own]
    if missing and not faults:
        faults = (Fault(missing[0], f"{missing[0]}: every row of an order has one"),)
    if faults:
        return Read(line, None, faults)
    said = Said(
        identifiers=columns.identifiers(found),
        event=EVENT,
        properties={name: own[name] for name in _OF_ORDER if name in own},
        at=columns.time(own["at"]),
    )
    return _Piece(line, str(own["order_id"]), said, {name: own[name] for name in columns.PARTS if name in own})


def _order(pieces: Sequence[_Piece]) -> Read:
    """All pieces of an order as one event: what its first row says of it holds."""
    first = pieces[0]
    if any(piece.said.identifiers != first.said.identifiers for piece in pieces):
        text = f"order_id: the rows of one order name different people, from line {first.line} on"
        return Read(first.line, None, (Fault("order_id", text),))
    products = [piece.product for piece in pieces if piece.product]
    properties = first.said.properties | ({"products": products} if products else {})
    said = Said(identifiers=first.said.identifiers, event=EVENT, properties=properties, at=first.said.at)
    return Read(first.line, said)
