import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from django.core.management import CommandError, call_command

from ghasi.asyncapi.catalogue import CHANNELS, OPERATIONS, WORKER_RECORD
from ghasi.asyncapi.document import document, text
from ghasi.asyncapi.schemas import schemas_of
from ghasi.contracts import subjects, topology
from ghasi.contracts.commands import SmsDispatchCommand
from workers.presence import WorkerRecord

KEPT = Path(__file__).resolve().parents[3] / "docs" / "asyncapi.yaml"
ADDRESSES = {channel.address for channel in CHANNELS}


def test_the_document_in_the_repository_is_what_the_types_say() -> None:
    assert KEPT.read_text(encoding="utf-8") == text(), "run: python manage.py asyncapi --output docs/asyncapi.yaml"


def test_it_reads_back_as_it_was_made() -> None:
    assert yaml.safe_load(text()) == msgspec.json.decode(msgspec.json.encode(document()))


@pytest.mark.parametrize(
    ("subject", "arguments"),
    [
        (subjects.dispatch, ["{operatorId}"]),
        (subjects.receipt, ["{operatorId}"]),
        (subjects.dead, ["{operatorId}"]),
        (subjects.submit, ["{operatorId}", "{replica}"]),
        (subjects.control, ["{operatorId}"]),
        (subjects.control, ["{operatorId}", "{replica}"]),
        (subjects.trace, ["{operatorId}", "{traceId}"]),
    ],
)
def test_every_subject_that_is_made_has_a_channel(subject: Any, arguments: list[str]) -> None:
    assert subject(*arguments) in ADDRESSES


def test_no_subject_is_forgotten() -> None:
    """Whatever ghasi.contracts.subjects makes for an operator, and is neither a name nor a key, is tried above."""
    source = Path(subjects.__file__).read_text(encoding="utf-8")
    made = set(re.findall(r'return f"(smpp\.[\w.]+)\.', source)) | {subjects.DLR_INBOUND}
    assert made
    for beginning in made:
        assert any(address.startswith(beginning) for address in ADDRESSES), beginning


def test_every_stream_and_every_bucket_is_there() -> None:
    assert {channel.stream for channel in CHANNELS} - {None} == set(topology.STREAMS)
    assert {channel.bucket for channel in CHANNELS} - {None} == set(topology.BUCKETS)
    for channel in CHANNELS:
        if channel.stream is not None:
            (pattern,) = channel.stream.subjects
            assert re.fullmatch(pattern.replace(".", r"\.").replace("*", r"[^.]+"), channel.address)


def test_every_channel_is_somebodys_and_every_reference_leads_somewhere() -> None:
    assert {operation.channel for operation in OPERATIONS} == {channel.name for channel in CHANNELS}
    whole = document()
    for reference in set(re.findall(r"'\$ref': '#/([^']+)'", repr(whole))):
        place: Any = whole
        for step in reference.split("/"):
            place = place[step]
        assert place


def test_names_of_messages_are_told_apart() -> None:
    names = [message.name for channel in CHANNELS for message in channel.messages]
    assert len(names) == len(set(names))


def test_the_record_of_workers_is_theirs() -> None:
    told = WORKER_RECORD["properties"]
    assert isinstance(told, dict)
    assert list(told) == [field.encode_name for field in msgspec.structs.fields(WorkerRecord)]


def test_schemas_carry_the_rules_that_are_checked_after_the_types() -> None:
    command = schemas_of([SmsDispatchCommand])["SmsDispatchCommand"]
    to = re.compile(command["properties"]["to"]["pattern"])
    assert to.search("+93701234567")
    assert not to.search("93-70")
    assert command["properties"]["text"]["minLength"] == 1
    assert "metadata" not in command["required"]


def test_the_command_prints_writes_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("asyncapi")
    assert capsys.readouterr().out == text()
    file = tmp_path / "asyncapi.yaml"
    call_command("asyncapi", output=file)
    call_command("asyncapi", check=file)
    file.write_text(file.read_text().replace("1.0.0", "0.9.0", 1))
    with pytest.raises(CommandError) as failed:
        call_command("asyncapi", check=file)
    assert failed.value.returncode == 1
    with pytest.raises(CommandError) as missing:
        call_command("asyncapi", check=tmp_path / "none.yaml")
    assert missing.value.returncode == 2
