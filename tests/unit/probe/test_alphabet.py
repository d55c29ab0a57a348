import pytest

from ghasi.probe.findings import Certainty
from ghasi.probe.infer.alphabet import conclude, fitting, shown
from ghasi.probe.plan import TELLTALE
from tests.unit.probe.build import receipt, seen, sent

RAW = TELLTALE.decode("latin-1")


@pytest.mark.parametrize(
    ("quoted", "ucs2", "alphabets"),
    [
        (RAW, False, set()),
        (RAW[:6], False, set()),
        (RAW, True, set()),
        ("p¡¤$?q@z", False, {"gsm7"}),
        ("p¡¤$?q@", False, {"gsm7"}),
        ("p\x00\x02?\x05q?z", False, {"latin1"}),
        ("p\x00\x02??q?z", False, {"ascii"}),
        ("p@$\x02?q\x00z", False, {"gsm7", "ascii"}),
        (shown("gsm7"), True, {"gsm7"}),
        (shown("ascii"), True, {"ascii"}),
        ("p@$", False, set()),
        ("something else", False, set()),
        ("", False, set()),
    ],
)
def test_what_a_quotation_proves(quoted: str, ucs2: bool, alphabets: set[str]) -> None:
    assert fitting(quoted, ucs2=ucs2) == alphabets


def test_told_and_open() -> None:
    message = sent("1", step="alphabet")
    told = conclude([(seen(receipt("1", "p¡¤$?q@z")), message)], [message])
    assert (told.value, told.proposes) == ("gsm7", {"text.alphabet": "gsm7"})
    same = conclude([(seen(receipt("1", RAW)), message)], [message])
    assert same.certainty is Certainty.OPEN
    assert "as they were sent" in same.says
    assert "Latin-1: p@$.éq.z" in same.ask
    refused = conclude([], [sent(status=0x0B, step="alphabet")])
    assert "was refused" in refused.says
    assert "do not repeat" in conclude([(seen(receipt("1", "")), message)], [message]).says


def test_a_person_who_looked_at_the_phone_decides() -> None:
    found = conclude([], [], "latin1")
    assert (found.certainty, found.proposes) == (Certainty.TOLD, {"text.alphabet": "latin1"})
