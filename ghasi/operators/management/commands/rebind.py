"""`manage.py rebind OPERATOR …`: every bind ended and made anew, for new credentials, certificates or rules."""

from ghasi.operators.orders import OrderCommand


class Command(OrderCommand):
    help = (
        "Ends every bind of the operator in order and makes it anew, with credentials, certificates and settings "
        "fetched afresh. What is wanted of it stays as it is: one that is drained, unbound or paused is not bound by "
        "it. Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 NATS not reached, 4 no gateway answered, "
        "and nothing is kept: give it again."
    )
    action = "rebind"
