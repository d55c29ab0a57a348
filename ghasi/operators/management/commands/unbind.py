"""`manage.py unbind OPERATOR …`: an order that lasts (docs/architecture.md, wanted state)."""

from ghasi.operators.orders import EXIT_CODES, OrderCommand


class Command(OrderCommand):
    help = f"Wants the operator unbound until `bind`: its gateway finishes the window, then unbinds. {EXIT_CODES}"
    action = "unbind"
