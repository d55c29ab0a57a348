import dataclasses
import typing

import pytest

from ghasi.smpp import events


@pytest.mark.parametrize("kind", typing.get_args(events.Event), ids=lambda kind: kind.__name__)
def test_events_are_frozen_and_slotted(kind):
    assert dataclasses.is_dataclass(kind)
    assert "__slots__" in vars(kind)
    made = kind(*[None] * len(dataclasses.fields(kind)))
    with pytest.raises((AttributeError, TypeError)):
        made.anything = 1


def test_the_union_holds_every_event():
    defined = {value for value in vars(events).values() if dataclasses.is_dataclass(value)}
    own = {value for value in defined if isinstance(value, type) and value.__module__ == events.__name__}
    assert own == set(typing.get_args(events.Event))
