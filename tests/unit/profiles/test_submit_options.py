"""ghasi.profiles.submit_options"""

from __future__ import annotations

from typing import get_args

import pytest

from ghasi.contracts.sessions import SendRules
from ghasi.profiles import schema
from ghasi.profiles.submit_options import long_mode, submit_options
from ghasi.sms.national import LOCKING, Language
from ghasi.sms.segmentation import LongMode, Strategy


def test_every_language_a_profile_may_name_has_its_tables() -> None:
    named = get_args(schema.Language)
    options = submit_options(SendRules(single_shift=named, locking_shift=tuple(set(named) - {"spanish"})))
    assert options.single == tuple(Language)
    assert set(options.locking) == set(LOCKING)


@pytest.mark.parametrize("level", ["off", "punctuation", "letters", "greek"])
def test_every_level_of_transliteration_a_profile_may_name(level: str) -> None:
    assert submit_options(SendRules(transliteration=level)).transliteration == level


def test_the_writer_for_plain_rules_takes_the_short_way() -> None:
    assert submit_options(SendRules()).text_rules.plain


def test_each_strategy_has_a_mode_of_its_own() -> None:
    rules = SendRules(long_mode="sar", long_mode_tlv="udh")
    assert long_mode(rules, Strategy.CSMS) is LongMode.SAR
    assert long_mode(rules, Strategy.TLV) is LongMode.UDH
    with pytest.raises(ValueError, match="pigeon"):
        long_mode(SendRules(long_mode="pigeon"), Strategy.CSMS)
