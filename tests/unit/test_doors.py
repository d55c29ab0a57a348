from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.doors import DOORS, DoorError, answer, pdu_door, receipt_door, run_jsonl, segment_door
from ghasi.smpp.pdu import DataSm, DeliverSm, EnquireLink, SubmitSm, encode_pdu
from ghasi.smpp.tlv import Tag, Tlv

ROOT = Path(__file__).parents[2]
RECEIPT = encode_pdu(
    DeliverSm(
        sequence_number=7,
        source_addr="93701234567",
        esm_class=4,
        short_message=b"id:0A sub:001 submit date:0809011130 done date:080901113107 stat:DELIVRD err:099 text:hi",
        tlvs=(Tlv.integer(Tag.MESSAGE_STATE, 2),),
    )
).hex()


def _error(door: str, line: str | bytes) -> str:
    """The error type a line gets. Its message must never be empty."""
    given_line = line if isinstance(line, bytes) else line.encode()
    reply = answer(given_line, DOORS[door])
    assert list(reply) == ["error"]
    assert set(reply["error"]) == {"type", "message"}
    assert reply["error"]["message"]
    return str(reply["error"]["type"])


class TestSegment:
    def test_one_part(self) -> None:
        given = {"text": "a€@", "encoding": "GSM7", "strategy": "CSMS", "reference": 8}
        assert segment_door(given) == {
            "coding": "GSM7",
            "dataCoding": 0,
            "units": 4,
            "parts": [{"units": 4, "udh": "", "body": "611b6500"}],
        }

    def test_153_euros_are_three_parts(self) -> None:
        reply = segment_door({"text": "€" * 153, "encoding": "auto", "strategy": "CSMS", "reference": 8})
        assert [part["units"] for part in reply["parts"]] == [152, 152, 2]
        assert reply["units"] == 306
        assert {part["udh"][:6] + part["udh"][8:10] for part in reply["parts"]} == {"05000303"}

    def test_sixteen_bit_reference_and_ucs2(self) -> None:
        reply = segment_door({"text": "ж" * 71, "encoding": "GSM7", "strategy": "CSMS", "reference": 16})
        assert (reply["coding"], reply["dataCoding"]) == ("UCS2", 8)
        assert [part["units"] for part in reply["parts"]] == [66, 5]
        assert [part["udh"][:6] for part in reply["parts"]] == ["060804"] * 2

    def test_tlv_is_one_part(self) -> None:
        reply = segment_door({"text": "x" * 500, "encoding": "GSM7", "strategy": "TLV", "reference": 8})
        assert [(part["units"], part["udh"]) for part in reply["parts"]] == [(500, "")]

    def test_defaults_and_alphabet(self) -> None:
        assert segment_door({"text": "x"})["coding"] == "GSM7"
        assert segment_door({"text": "á", "alphabet": "latin1"})["coding"] == "LATIN1"

    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("{}", "missing_field"),
            ('{"text": 5}', "wrong_type"),
            ('{"text": null}', "wrong_type"),
            ('{"text": "x", "encoding": "EBCDIC"}', "bad_value"),
            ('{"text": "x", "encoding": 7}', "wrong_type"),
            ('{"text": "x", "strategy": "csms"}', "bad_value"),
            ('{"text": "x", "reference": 12}', "bad_value"),
            ('{"text": "x", "reference": "8"}', "wrong_type"),
            ('{"text": "x", "reference": true}', "wrong_type"),
            ('{"text": "x", "reference": 8.0}', "wrong_type"),
            ('{"text": "\\ud83d"}', "lone_surrogate"),
            ('{"text": "\\ude42\\ud83d", "encoding": "UCS2"}', "lone_surrogate"),
            (json.dumps({"text": "x" * 39_016}), "too_long"),
            (json.dumps({"text": "x" * 39_016, "strategy": "TLV"}), "too_long"),
        ],
    )
    def test_bad_input(self, line: str, kind: str) -> None:
        assert _error("segment", line) == kind

    def test_surrogate_pair_written_as_escapes_is_whole(self) -> None:
        reply = answer(b'{"text": "\\ud83d\\ude42"}', segment_door)
        assert reply["parts"] == [{"units": 2, "udh": "", "body": "d83dde42"}]

    def test_errors_do_not_quote_the_text(self) -> None:
        reply = answer(json.dumps({"text": "my secret \ud83d"}).encode(), segment_door)
        assert "secret" not in json.dumps(reply)


class TestReceipt:
    def test_receipt(self) -> None:
        assert receipt_door({"pdu": RECEIPT}) == {
            "receipt": True,
            "id": "0A",
            "stat": "DELIVRD",
            "state": "DELIVERED",
            "messageState": 2,
            "intermediate": False,
            "error": "099",
            "submitDate": "2008-09-01T11:30:00",
            "doneDate": "2008-09-01T11:31:07",
            "text": "hi",
        }

    @pytest.mark.parametrize(
        "spelling", [RECEIPT.upper(), " ".join(RECEIPT[i : i + 2] for i in range(0, len(RECEIPT), 2))]
    )
    def test_spellings_of_hexadecimal(self, spelling: str) -> None:
        assert receipt_door({"pdu": spelling})["id"] == "0A"

    def test_message(self) -> None:
        reply = receipt_door({"pdu": encode_pdu(DeliverSm(short_message=b"hello")).hex()})
        assert reply.pop("receipt") is False
        assert reply.pop("intermediate") is False
        assert set(reply.values()) == {None}

    def test_intermediate_notification_in_data_sm(self) -> None:
        pdu = DataSm(esm_class=0x20, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"id:1 stat:ENROUTE err:000"),))
        reply = receipt_door({"pdu": encode_pdu(pdu).hex()})
        assert (reply["receipt"], reply["intermediate"], reply["state"]) == (True, True, "ACCEPTED")

    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("{}", "missing_field"),
            ('{"pdu": 5}', "wrong_type"),
            ('{"pdu": "xyz"}', "bad_hex"),
            ('{"pdu": "000"}', "bad_hex"),
            ('{"pdu": ""}', "bad_frame"),
            ('{"pdu": "00000010"}', "bad_frame"),
            (json.dumps({"pdu": RECEIPT[:-2]}), "bad_frame"),
            ('{"pdu": "00000010000000990000000000000001"}', "unknown_command"),
            ('{"pdu": "00000011000000050000000000000001ff"}', "bad_pdu"),
            (json.dumps({"pdu": encode_pdu(EnquireLink(sequence_number=1)).hex()}), "wrong_pdu"),
            (json.dumps({"pdu": encode_pdu(SubmitSm(short_message=b"x")).hex()}), "wrong_pdu"),
        ],
    )
    def test_bad_input(self, line: str, kind: str) -> None:
        assert _error("receipt", line) == kind


class TestPdu:
    def test_both_ways(self) -> None:
        form = pdu_door({"hex": RECEIPT})
        assert set(form) == {"command", "status", "sequence", "fields", "tlvs"}
        assert (form["command"], form["status"], form["sequence"]) == ("deliver_sm", 0, 7)
        assert form["fields"]["esm_class"] == 4
        assert form["fields"]["source_addr"] == "93701234567"
        assert bytes.fromhex(form["fields"]["short_message"]).startswith(b"id:0A")
        assert form["tlvs"] == [{"tag": 0x427, "name": "message_state", "value": "02"}]
        assert pdu_door(form) == {"hex": RECEIPT}

    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("{}", "missing_field"),
            ('{"hex": 1}', "wrong_type"),
            ('{"hex": "0g"}', "bad_hex"),
            ('{"hex": "00"}', "bad_frame"),
            ('{"command": "submit_smx"}', "bad_field"),
            ('{"command": 4}', "bad_field"),
            ('{"command": "submit_sm", "fields": {"nonsense": 1}}', "bad_field"),
            ('{"command": "submit_sm", "fields": {"source_addr": "\\ud800"}}', "bad_field"),
            ('{"command": "submit_sm", "fields": {"short_message": "zz"}}', "bad_field"),
            ('{"command": "submit_sm", "fields": {"data_coding": 256}}', "bad_field"),
            ('{"command": "submit_sm", "fields": []}', "bad_field"),
            ('{"command": "submit_sm", "tlvs": [{"tag": 70000, "value": ""}]}', "bad_field"),
        ],
    )
    def test_bad_input(self, line: str, kind: str) -> None:
        assert _error("pdu", line) == kind


class TestLines:
    @pytest.mark.parametrize("door", list(DOORS))
    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            (b"", "empty_line"),
            (b"\n", "empty_line"),
            (b"  \r\n", "empty_line"),
            (b"{", "bad_json"),
            (b'{"text": "x"} {}', "bad_json"),
            (b'{"text": "\xff"}', "bad_json"),
            (b"[" * 100_000, "bad_json"),
            (b'{"reference": ' + b"9" * 5000 + b"}", "bad_json"),
            (b"[]", "not_an_object"),
            (b'"x"', "not_an_object"),
            (b"null", "not_an_object"),
            (b"7", "not_an_object"),
        ],
    )
    def test_what_is_no_object(self, door: str, line: bytes, kind: str) -> None:
        assert _error(door, line) == kind

    def test_one_answer_a_line_in_order_before_the_next_is_read(self) -> None:
        log: list[str] = []

        def lines() -> Any:
            for text in ("a", "", "b"):
                log.append(f"read {text}")
                yield (json.dumps({"text": text}) if text else "").encode() + b"\n"

        run_jsonl(lines(), lambda line: log.append(next(iter(json.loads(line)))), segment_door)
        assert log == ["read a", "coding", "read ", "error", "read b", "coding"]

    def test_a_fault_of_ours_costs_one_line(self) -> None:
        def broken(_: Any) -> dict[str, Any]:
            raise RuntimeError("secret")

        reply = answer(b"{}", broken)
        assert reply["error"]["type"] == "internal"
        assert "secret" not in json.dumps(reply)

    @given(st.binary(max_size=60), st.sampled_from(sorted(DOORS)))
    def test_any_line_gets_an_answer_in_ascii(self, line: bytes, door: str) -> None:
        assert json.dumps(answer(line, DOORS[door])).isascii()

    @given(
        st.dictionaries(
            st.sampled_from(["text", "encoding", "strategy", "reference", "pdu", "hex", "command", "fields", "tlvs"]),
            st.one_of(
                st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.none(), max_size=1), st.just({})
            ),
        ),
        st.sampled_from(sorted(DOORS)),
    )
    def test_any_object_gets_an_answer_that_is_no_internal_fault(self, given_: dict[str, Any], door: str) -> None:
        reply = answer(json.dumps(given_).encode(), DOORS[door])
        assert reply.get("error", {}).get("type") != "internal"

    def test_door_errors_have_a_kind(self) -> None:
        with pytest.raises(DoorError) as caught:
            pdu_door({})
        assert caught.value.kind == "missing_field"


def _command(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`manage.py` as a person runs it, without a single setting."""
    return subprocess.run(
        [sys.executable, "manage.py", *args],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


class TestCommands:
    def test_segment_in_words(self) -> None:
        done = _command("segment", "€" * 153)
        assert (done.returncode, done.stderr) == (0, b"")
        words = done.stdout.decode()
        assert "GSM7          data_coding 0x00" in words
        assert "153 characters, 3 parts" in words
        assert "part 3    2 septets     8 octets" in words
        assert "octets  1b 65\n" in words

    def test_segment_as_json(self) -> None:
        done = _command("segment", "ж", "--encoding", "GSM7", "--reference", "16", "--strategy", "TLV", "--json")
        assert json.loads(done.stdout) == segment_door({"text": "ж"})

    def test_receipt_in_words_and_as_json(self) -> None:
        assert "by the TLV, final" in _command("receipt", RECEIPT).stdout.decode()
        assert json.loads(_command("receipt", RECEIPT, "--json").stdout) == receipt_door({"pdu": RECEIPT})

    def test_receipt_of_which_only_the_text_is_left(self) -> None:
        text = "id:0A sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:UNDELIV err:027 text:héllo"
        given = _command("receipt", "--text", text).stdout.decode()
        assert "its text; esm_class and TLVs are not known" in given
        assert "UNDELIVERABLE" in given
        piped = _command("receipt", "--text", stdin=f"{text}\n".encode())
        assert piped.stdout.decode() == given
        carried = encode_pdu(DeliverSm(esm_class=4, short_message=text.encode("latin-1"))).hex()
        form = json.loads(_command("receipt", "--text", "--json", text).stdout)
        assert form == receipt_door({"pdu": carried}), "read as the pool reads it in a PDU"
        assert _command("receipt", "--text", stdin=b" \n").returncode == 1
        separated = _command("receipt", "--text", "0A,DELIVRD,000").stdout.decode()
        assert "unreadable" in separated

    def test_pdu_both_ways(self) -> None:
        words = _command("pdu", RECEIPT).stdout.decode()
        assert "0x00000005  deliver_sm" in words
        assert "message_state" in words
        assert _command("pdu", '{"command": "enquire_link"}').stdout == b"00000010000000150000000000000001\n"
        assert json.loads(_command("pdu", RECEIPT, "--json").stdout) == pdu_door({"hex": RECEIPT})

    def test_lines(self) -> None:
        lines = b'{"text": "a"}\n\n{"text": "\xff"}\n{"text": "b"}'
        done = _command("segment", "--jsonl", stdin=lines)
        assert done.returncode == 0
        assert [next(iter(json.loads(line))) for line in done.stdout.splitlines()] == [
            "coding",
            "error",
            "error",
            "coding",
        ]

    @pytest.mark.parametrize(
        "args", [("pdu", "zz"), ("receipt", "00"), ("segment",), ("pdu", "{"), ("segment", "\udcff")]
    )
    def test_bad_argument_is_one_line_and_exit_code_1(self, args: tuple[str, ...]) -> None:
        done = _command(*args)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.count(b"\n") == 1

    def test_a_line_is_answered_before_stdin_ends(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "receipt", "--jsonl"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            for _ in range(2):
                process.stdin.write(json.dumps({"pdu": RECEIPT}).encode() + b"\n")
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["id"] == "0A"
            process.stdout.close()
            process.stdin.write(b"{}\n" * 2)
            process.stdin.close()
            assert process.stderr.read() == b""


def test_commands_in_this_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from ghasi.management.commands import pdu, receipt, segment

    for command, argument in (
        (segment, "čž" * 80),
        (receipt, RECEIPT),
        (pdu, RECEIPT),
        (pdu, json.dumps({"hex": RECEIPT})),
    ):
        for extra in ([], ["--json"]):
            command.Command().run_from_argv(["manage.py", command.__name__.rpartition(".")[2], argument, *extra])
            assert capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "x"}\n')))
    segment.Command().run_from_argv(["manage.py", "segment", "--jsonl"])
    assert json.loads(capsys.readouterr().out)["units"] == 1


def test_words_are_coloured_on_a_terminal_and_nowhere_else() -> None:
    plain = _command("pdu", RECEIPT).stdout.decode()
    coloured = _command("pdu", RECEIPT, "--force-color").stdout.decode()
    assert "\x1b[" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == plain.split()
    assert "\x1b[" not in _command("pdu", RECEIPT, "--no-color").stdout.decode()


def test_a_broken_pdu_is_explained_as_far_as_it_goes() -> None:
    done = _command("pdu", RECEIPT[:-4])
    assert done.returncode == 0
    assert b"! command_length says" in done.stdout


class TestProfiles:
    def test_a_preset_reads_a_receipt(self) -> None:
        words = _command("receipt", RECEIPT, "--profile", "gatewayapi").stdout.decode()
        assert "; by the profile 0x1063" in words

    def test_a_file_cuts_a_text(self, tmp_path: Path) -> None:
        file = tmp_path / "example.yaml"
        file.write_text("text: {alphabet: latin1}\nlongMessages: {csms: sar, referenceBits: 16, maxParts: 2}\n")
        words = _command("segment", "á" * 141, "--profile", str(file)).stdout.decode()
        assert "LATIN1" in words
        assert "133 octets each, 16-bit reference" in words
        form = json.loads(_command("segment", "á" * 141, "--profile", str(file), "--json").stdout)
        assert set(form) == {"coding", "dataCoding", "units", "parts"}
        assert _command("segment", "á" * 300, "--profile", str(file)).returncode == 1

    def test_a_pdu_is_held_against_it(self) -> None:
        frame = encode_pdu(SubmitSm(sequence_number=1, data_coding=5, short_message=b"x")).hex()
        assert "none that the profile allows" in _command("pdu", frame, "--profile", "gatewayapi").stdout.decode()
        assert "the profile" not in _command("pdu", frame).stdout.decode()

    @pytest.mark.parametrize("content", [None, "text: {alphabet: klingon}", "a: [", "\udcff"])
    def test_no_profile(self, tmp_path: Path, content: str | None) -> None:
        file = tmp_path / "example.yaml"
        if content is not None:
            file.write_text(content, "utf-8", errors="surrogateescape")
        done = _command("segment", "x", "--profile", str(file))
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.startswith(b"CommandError: profile: ")
        assert b"klingon" not in done.stderr

    def test_not_with_json_lines(self) -> None:
        assert _command("pdu", "--jsonl", "--profile", "plain").returncode == 1
