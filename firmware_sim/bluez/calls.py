"""What bluetoothd answers to method calls: one function a method, and the table that finds it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from dbus_fast import DBusError, Message, Variant

from firmware_sim.bluez import messages
from firmware_sim.bluez.adapter import Adapter, Monitor

_DBUS_ERROR: Final = "org.freedesktop.DBus.Error."

Adapters = Mapping[str, Adapter]


class Answer(NamedTuple):
    """The reply, None for a call that is never answered, and the signals that go out before it."""

    reply: Message | None
    signals: Iterable[Message] = ()


def answer(adapters: Adapters, call: Message) -> Answer | None:
    """What a call does and gives; None for a method that BlueZ's scanning does not have. Raises `DBusError`."""
    method = _METHODS.get((call.interface, call.member))
    return None if method is None else method(adapters, call)


def _objects(adapters: Adapters, call: Message) -> Answer:
    objects = {path: shown for adapter in adapters.values() for path, shown in adapter.objects().items()}
    return Answer(Message.new_method_return(call, "a{oa{sa{sv}}}", [objects]))


def _set_filter(adapters: Adapters, call: Message) -> Answer:
    _called(adapters, call).set_filter(_sender(call), call.body[0])
    return Answer(Message.new_method_return(call))


def _start_discovery(adapters: Adapters, call: Message) -> Answer:
    adapter = _called(adapters, call)
    signals = adapter.start(_sender(call))
    if adapter.mute_starts:
        adapter.mute_starts -= 1
        return Answer(None, signals)
    return Answer(Message.new_method_return(call), signals)


def _stop_discovery(adapters: Adapters, call: Message) -> Answer:
    signals = _called(adapters, call).stop(_sender(call))
    return Answer(Message.new_method_return(call), signals)


def _register_monitor(adapters: Adapters, call: Message) -> Answer:
    _called(adapters, call).register(Monitor(_sender(call), call.body[0]))
    return Answer(Message.new_method_return(call))


def _unregister_monitor(adapters: Adapters, call: Message) -> Answer:
    _called(adapters, call).unregister(Monitor(_sender(call), call.body[0]))
    return Answer(Message.new_method_return(call))


def _get(adapters: Adapters, call: Message) -> Answer:
    interface, name = call.body
    value = _called(adapters, call).interfaces().get(interface, {}).get(name)
    if value is None:
        raise DBusError(f"{_DBUS_ERROR}InvalidArgs", f"No such property '{name}'")
    return Answer(Message.new_method_return(call, "v", [value]))


def _get_all(adapters: Adapters, call: Message) -> Answer:
    (interface,) = call.body
    return Answer(Message.new_method_return(call, "a{sv}", [_called(adapters, call).interfaces().get(interface, {})]))


def _set(adapters: Adapters, call: Message) -> Answer:
    interface, name, value = call.body
    if (interface, name) != (messages.ADAPTER, "Powered") or not isinstance(value, Variant):
        raise DBusError(f"{_DBUS_ERROR}PropertyReadOnly", f"Property '{name}' is not writable")
    signals = _called(adapters, call).set_power(on=value.value)
    return Answer(Message.new_method_return(call), signals)


def _called(adapters: Adapters, call: Message) -> Adapter:
    for adapter in adapters.values():
        if adapter.path == call.path and adapter.present:
            return adapter
    raise DBusError(f"{_DBUS_ERROR}UnknownObject", f"No object at {call.path}")


def _sender(call: Message) -> str:
    return call.sender or ""


_METHODS: Final[Mapping[tuple[str | None, str | None], Callable[[Adapters, Message], Answer]]] = {
    (messages.OBJECTS, "GetManagedObjects"): _objects,
    (messages.ADAPTER, "SetDiscoveryFilter"): _set_filter,
    (messages.ADAPTER, "StartDiscovery"): _start_discovery,
    (messages.ADAPTER, "StopDiscovery"): _stop_discovery,
    (messages.MONITORS, "RegisterMonitor"): _register_monitor,
    (messages.MONITORS, "UnregisterMonitor"): _unregister_monitor,
    (messages.PROPERTIES, "Get"): _get,
    (messages.PROPERTIES, "GetAll"): _get_all,
    (messages.PROPERTIES, "Set"): _set,
}
