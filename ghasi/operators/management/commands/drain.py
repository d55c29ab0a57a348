"""`manage.py drain OPERATOR …`: an order that lasts (docs/architecture.md, wanted state)."""

from ghasi.operators.orders import EXIT_CODES, OrderCommand


class Command(OrderCommand):
    help = f"Wants the operator drained: finishes what is in flight and unbinds, until `bind`. {EXIT_CODES}"
    action = "drain"
