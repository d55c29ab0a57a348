"""What a measurement says of a peer that is not here."""


class PeerMissing(Exception):
    """The peer is not installed; the text says how to install it."""
