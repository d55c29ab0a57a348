"""The texts of tests/vectors/segmentation.json, and the rules each is cut by. All were written for this file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Runs = list[tuple[str, int]]
"""A text as pieces and how often each follows itself."""

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
CLUSTERS = {
    "e and acute accent": "e\u0301",
    "letter with two marks": "a\u0302\u0301",
    "family joined by ZWJ": FAMILY,
    "thumb with skin tone": "\U0001f44d\U0001f3fd",
    "flag of Afghanistan": "\U0001f1e6\U0001f1eb",
    "keycap": "1\ufe0f\u20e3",
    "heart with variation selector": "\u2764\ufe0f",
    "Arabic letter with shadda and fatha": "\u0628\u0651\u064e",
    "Devanagari syllable": "\u0915\u093f",
    "Tamil syllable": "\u0ba8\u0bbf",
    "Hangul in jamo": "\u1112\u1161\u11ab",
    "Thai with sara am": "\u0e01\u0e33",
}
TEXTS = {
    "Dari": "مشترک گرامی، حساب شما با موفقیت شارژ شد. برای معلومات بیشتر به شماره ۱۲۳ زنگ بزنید. ",
    "Dari with ZWNJ": "بسته‌های انترنت می‌توانید از سایت ما فعال کنید. ",
    "Pashto": "ښاغلیه پېرودونکیه، ستاسو حساب ډک شو. د نورو معلوماتو لپاره ۱۲۳ ته زنګ ووهئ. ",
    "Turkish": "Sayın müşterimiz, şifreniz değiştirildi. İşlem size ait değilse bizi arayınız. ",
    "Urdu": "محترم صارف، آپ کا اکاؤنٹ ریچارج ہو گیا ہے۔ مزید معلومات کے لیے ۱۲۳ پر کال کریں۔ ",
    "Hindi": "प्रिय ग्राहक, आपका खाता सफलतापूर्वक रिचार्ज हो गया है। अधिक जानकारी के लिए कॉल करें। ",
    "Bengali": "প্রিয় গ্রাহক, আপনার অ্যাকাউন্ট রিচার্জ হয়েছে। আরও জানতে কল করুন। ",
    "Tamil": "அன்பான வாடிக்கையாளரே, உங்கள் கணக்கு நிரப்பப்பட்டது. மேலும் அறிய அழைக்கவும். ",
    "Uzbek in Cyrillic": "Ҳурматли мижоз, ҳисобингиз тўлдирилди. Маълумот учун қўнғироқ қилинг. ",
    "French": "Cher client, votre crédit a été rechargé à 10 € ; merci d'avoir attendu l'été. ",
    "Spanish": "Estimado cliente, su recarga está lista. Llame al 123 para más información. ",
    "German": "Sehr geehrte Kundin, Ihre Übertragung über 5 € wurde ausgeführt. Grüße! ",
    "Chinese": "尊敬的客户,您的账户已充值成功。如需更多信息,请致电客服。",
    "quotes and dashes": "“Smart quotes” – and dashes — don’t fit… ",
}
NATIONAL = {
    "tr": "Sayın müşterimiz, şifreniz değiştirildi. ",
    "es": "Información: su recarga está lista. ",
    "pt": "Olá! Não há saldo; recarregue já o cartão. ",
    "hi": "प्रिय ग्राहक! आपका खाता रिचार्ज हो गया है। ",
    "bn": "প্রিয় গ্রাহক! আপনার হিসাব. ",
    "gu": "પ્રિય ગ્રાહક! તમારું ખાતું રિચાર્જ થયું. ",
    "kn": "ಪ್ರಿಯ ಗ್ರಾಹಕ! ನಿಮ್ಮ ಖಾತೆ ರೀಚಾರ್ಜ್ ಆಗಿದೆ. ",
    "ml": "പ്രിയ ഉപഭോക്താവേ! താങ്കള് വിളിക്കുക. ",
    "or": "ପ୍ରିୟ ଗ୍ରାହକ! ଆପଣଙ୍କ ଖାତା. ",
    "pa": "ਪਿਆਰੇ ਗਾਹਕ! ਤੁਹਾਡਾ ਖਾਤਾ ਰੀਚਾਰਜ ਹੋ ਗਿਆ. ",
    "ta": "அன்பான வாடிக்கையாளரே! கணக்கு நிரப்பப்பட்டது. ",
    "te": "ప్రియమైన కస్టమర్! మీ ఖాతా రీఛార్జ్ అయింది. ",
    "ur": "محترم صارف! آپ کا اکاونٹ ریچارج ہو گیا ہے۔ ",
}


@dataclass(frozen=True)
class Case:
    """One text; `rules` are the keys of the vector beside `text`, at their defaults where absent."""

    what: str
    text: Runs
    rules: dict[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The text itself."""
        return "".join(piece * times for piece, times in self.text)


def cases() -> Iterator[Case]:
    """All of them, in the order of the file."""
    yield from _plain()
    yield from _extension()
    yield from _ucs2()
    yield from _clusters()
    yield from _languages()
    yield from _operators()
    yield from _national()


def _plain() -> Iterator[Case]:
    for times in (1, 159, 160, 161, 305, 306, 307, 459, 460, 1530, 39015, 39016):
        yield Case(f"plain, {times} characters", [("x", times)])
    yield Case("every character of the basic table", [("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./", 5)])
    yield Case("line ends", [("line of text\r\n", 23)])
    yield Case("CR and LF at the cut", [("x", 152), ("\r\n", 1), ("x", 30)])
    for char, name in (("`", "backtick"), ("ç", "small c with cedilla"), ("\t", "tab"), ("\u00a0", "no-break space")):
        yield Case(f"{name} is not in GSM 03.38", [("x", 69), (char, 1), ("x", 30)])


def _extension() -> Iterator[Case]:
    for at in (150, 151, 152, 153, 154):
        yield Case(f"euro after {at} characters", [("x", at), ("€", 1), ("x", 100)])
    for at in (304, 305, 306):
        yield Case(f"euro after {at} characters, at the second cut", [("x", at), ("€", 1), ("x", 100)])
    for at in (157, 158, 159, 160):
        yield Case(f"euro after {at} characters at the end", [("x", at), ("€", 1)])
    for char in "^{}\\[~]|":
        yield Case(f"{char} at the cut", [("x", 152), (char, 1), ("x", 20)])
    yield Case("form feed at the cut", [("x", 152), ("\f", 1), ("x", 20)])
    for times in (76, 77, 80, 81, 152, 153, 229):
        yield Case(f"{times} euros", [("€", times)])
    yield Case("one and euros", [("x", 1), ("€", 200)])


def _ucs2() -> Iterator[Case]:
    for times in (1, 69, 70, 71, 134, 135, 201, 202, 670, 17085, 17086):
        yield Case(f"Cyrillic, {times} characters", [("ж", times)])
    for times in (34, 35, 36, 66, 67, 100):
        yield Case(f"{times} emoji", [("🙂", times)])
    for at in (64, 65, 66, 67, 68, 69, 132, 133, 134):
        yield Case(f"emoji after {at} characters", [("ж", at), ("🙂", 1), ("ж", 70)])
    for at in (66, 67, 132):
        yield Case(f"character beyond the BMP after {at}", [("ж", at), ("𠮷", 1), ("ж", 70)])
    yield Case("emoji at the end of a Latin text", [("x", 68), ("🙂", 1)])
    yield Case("emoji at the end of a Latin text, one too many", [("x", 69), ("🙂", 1)])
    yield Case("UCS-2 asked for", [("x", 71)], {"encoding": "UCS2"})
    yield Case("UCS-2 asked for, euros", [("€", 100)], {"encoding": "UCS2"})


def _clusters() -> Iterator[Case]:
    for name, cluster in CLUSTERS.items():
        for before in (65, 66):
            yield Case(f"{name} after {before} characters", [("ж", before), (cluster, 1), ("ж", 20)])
    for before in (56, 57, 60, 67):
        yield Case(f"family joined by ZWJ after {before} characters", [("ж", before), (FAMILY, 1), ("ж", 20)])
    yield Case("families", [(FAMILY, 20)])
    yield Case("flags", [("\U0001f1e6\U0001f1eb", 40)])
    yield Case("accents at two cuts", [("ж", 66), ("e\u0301", 1), ("ж", 64), ("e\u0301", 1), ("ж", 20)])
    yield Case("a cluster that costs a part if it is kept", [("ж", 66), ("e\u0301", 1), ("ж", 66)])
    yield Case("a cluster longer than a part", [("a", 1), ("\u0301", 140)])


def _languages() -> Iterator[Case]:
    for name, text in TEXTS.items():
        for times in (1, 2, 3, 6):
            yield Case(f"{name}, {times} times", [(text, times)])


def _operators() -> Iterator[Case]:
    latin = {"alphabet": "latin1"}
    for times in (140, 141, 268, 269):
        yield Case(f"Latin-1 operator, {times} characters", [("é", times)], latin)
    yield Case("Latin-1 operator, euro is not in it", [("x", 69), ("€", 1)], latin)
    yield Case("ASCII operator", [("a", 141)], {"alphabet": "ascii"})
    yield Case("ISO-8859-5 by the command", [("ж", 141)], {"encoding": "ISO-8859-5"})
    yield Case("binary by the command", [("00ff", 75)], {"encoding": "BINARY"})
    for mode in ("sar", "payload"):
        for run in ([("x", 160)], [("x", 161)], [("x", 152), ("€", 1), ("x", 10)], [("ж", 71)], [("🙂", 36)]):
            yield Case(f"{mode} of {run[0][0]}, {len(run)} runs", run, {"longMode": mode})
    wide = {"referenceBits": 16}
    for run in ([("x", 160)], [("x", 161)], [("x", 304)], [("x", 305)], [("x", 151), ("€", 1), ("x", 20)]):
        yield Case(f"16-bit reference, {sum(times for _, times in run)} characters", run, wide)
    for run in (
        [("ж", 70)],
        [("ж", 71)],
        [("ж", 132)],
        [("ж", 133)],
        [("ж", 65), ("🙂", 1), ("ж", 20)],
        [("🙂", 66)],
    ):
        yield Case(f"16-bit reference, {sum(times for _, times in run)} characters of UCS-2", run, wide)
    yield Case("16-bit reference, sar", [("x", 305)], {"referenceBits": 16, "longMode": "sar"})
    for times in (1530, 1531):
        yield Case(f"at most ten parts, {times} characters", [("x", times)], {"maxParts": 10})
    yield Case("strict operator", [("ж", 1)], {"strict": True})


def _national() -> Iterator[Case]:
    for code, text in NATIONAL.items():
        allowed = {"single": [code]} if code == "es" else {"locking": [code], "single": [code]}
        for times in (2, 6):
            yield Case(f"national tables {code}, {times} times", [(text, times)], allowed)
    for times in (155, 156, 298, 299):
        yield Case(f"Turkish locking shift, {times} letters", [("ş", times)], {"locking": ["tr"]})
    for times in (77, 78):
        yield Case(f"Turkish single shift, {times} letters", [("ş", times)], {"single": ["tr"]})
    both = {"locking": ["hi"], "single": ["hi"]}
    for times in (150, 151):
        yield Case(f"two tables, {times} letters and a danda", [("क", times), ("।", 1)], both)
    yield Case("two tables, two parts", [("क", 145), ("।", 1), ("क", 20)], both)
    yield Case("one table, 16-bit reference", [("ş", 156)], {"locking": ["tr"], "referenceBits": 16})
