"""NATS and JetStream for every process: connect, publish and wait, pull, key-value, topology."""

from ghasi.bus.arrived import Arrived
from ghasi.bus.client import Bus
from ghasi.bus.errors import BusError, BusTimeout, NoHolder, PublishFailed, TopologyConflict, said
from ghasi.bus.pull import PullLane
from ghasi.bus.settings import BusSettings
from ghasi.bus.wire import Settlement
from ghasi.contracts.publication import Publication

__all__ = [
    "Arrived",
    "Bus",
    "BusError",
    "BusSettings",
    "BusTimeout",
    "NoHolder",
    "Publication",
    "PublishFailed",
    "PullLane",
    "Settlement",
    "TopologyConflict",
    "said",
]
