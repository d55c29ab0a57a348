"""`manage.py bind OPERATOR …`: an order that lasts (docs/architecture.md, wanted state)."""

from ghasi.operators.orders import EXIT_CODES, OrderCommand


class Command(OrderCommand):
    help = f"Wants the operator bound: its gateway binds, and goes on doing so after restarts. {EXIT_CODES}"
    action = "bind"
