import pytest
import yaml

from ghasi.yamlfile import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: bind", {"on": "bind"}),
        ("a: yes", {"a": "yes"}),
        ("a: true", {"a": True}),
        ("a: 027", {"a": "027"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2026-04-18", {"a": "2026-04-18"}),
        ("a: 0x58", {"a": 88}),
        ("a: -3", {"a": -3}),
        ("a: 0.5", {"a": 0.5}),
        ("a: 1.5e3", {"a": 1500.0}),
        ("a:", {"a": None}),
        ("a: null", {"a": None}),
        ("a: *b", None),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: object) -> None:
    if value is None:
        with pytest.raises(yaml.YAMLError):
            parse(text)
    else:
        assert parse(text) == value


def test_a_key_written_twice_is_named_with_its_line() -> None:
    with pytest.raises(yaml.YAMLError, match=r"'a' stands here twice(.|\n)*line 3"):
        parse("a: 1\nb: 2\na: 3\n")


def test_anchors_work() -> None:
    assert parse("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}


def test_no_python_objects() -> None:
    with pytest.raises(yaml.YAMLError):
        parse("a: !!python/object/apply:os.getcwd []")
