"""PROTOCOL.md, errors.json, the schemas and the vectors say the same."""

import json
import re
import runpy
import struct

import pytest
from client_harness import PROTOCOL

TEXT = (PROTOCOL / "PROTOCOL.md").read_text("utf-8")
CATALOGUE = json.loads((PROTOCOL / "errors.json").read_text("utf-8"))


def section(title):
    """The text of a second-level section."""
    return re.search(rf"^## \d+\. {title}.*?(?=^## |\Z)", TEXT, re.M | re.S).group()


def rows(text):
    """The cells of every table row whose first cell is in code style."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and re.fullmatch(r"`\w+`", cells[0]):
            yield [cells[0].strip("`"), *cells[1:]]


def test_the_error_tables_agree_with_the_catalogue():
    yes = {True: "yes", False: "no"}
    expected = [
        [error["code"], yes[error["retryable"]], yes[error["closes_connection"]], ", ".join(error["charged"]),
         error["meaning"], f"{error['cause']} → {error['cure']}",
         ", ".join(f"`{limit}`" for limit in error.get("limits", []))]
        for error in CATALOGUE["errors"]
    ]
    assert list(rows(section("Errors"))) == expected


def test_the_bounds_table_agrees_with_the_catalogue():
    expected = [
        [limit["name"], "none" if limit["default"] is None else str(limit["default"]), limit["unit"],
         f"`{limit['setting']}`" if limit["setting"] else "fixed", limit["bounds"],
         f"`{limit['code']}`" if "code" in limit else ""]
        for limit in CATALOGUE["limits"]
    ]
    assert list(rows(section("Bounds"))) == expected


def test_every_code_in_the_text_exists():
    codes = {error["code"] for error in CATALOGUE["errors"]}
    named = set(re.findall(r"`((?:caller|policy|provider)_\w+)`", TEXT)) - {"caller_", "policy_", "provider_"}
    assert named == codes - {"internal"}


def test_the_catalogue_is_consistent():
    codes = [error["code"] for error in CATALOGUE["errors"]]
    names = [limit["name"] for limit in CATALOGUE["limits"]]
    assert len(set(codes)) == len(codes) and len(set(names)) == len(names)
    for error in CATALOGUE["errors"]:
        assert error["family"] in CATALOGUE["families"] and error["code"].split("_")[0] == error["family"]
        assert set(error["charged"]) <= {"none", "estimated", "exact"} and error["charged"]
        assert set(error.get("limits", [])) <= set(names)
    for limit in CATALOGUE["limits"]:
        assert limit.get("code", "internal") in codes


def test_every_code_in_the_vectors_exists():
    codes = {error["code"] for error in CATALOGUE["errors"]}
    text = "".join(file.read_text("utf-8") for file in (PROTOCOL / "vectors").glob("*.json"))
    named = set(re.findall(r'"((?:caller|policy|provider)_\w+)"', text))
    assert named <= codes
    assert len(named) > 15


def hex_frames():
    """Every frame that the text shows in hexadecimal."""
    for block in re.findall(r"```hex\n(.*?)```", TEXT, re.S):
        yield bytes.fromhex(re.sub(r"[→←\s]", "", block))


def test_frames_in_hexadecimal_are_right():
    frames = list(hex_frames())
    assert len(frames) >= 3
    for frame in frames:
        assert struct.unpack(">I", frame[:4])[0] == len(frame) - 4
        assert json.loads(frame[4:])["op"] in ("hello", "call", "ping")


def session_frames():
    """Every frame of the worked session in JSON, with its direction."""
    for block in re.findall(r"```json\n(.*?)```", section("A complete session"), re.S):
        for line in block.strip().splitlines():
            yield line[0], json.loads(line[2:])


def test_the_session_is_valid(schemas):
    frames = list(session_frames())
    frames += [("→", json.loads(frame[4:])) for frame in hex_frames()]
    assert {arrow for arrow, _ in frames} == {"→", "←"}
    for arrow, frame in frames:
        schema = "client.json" if arrow == "→" else "agent.json"
        invalid = frame.get("deadline_ms") == "soon"
        assert schemas(schema).is_valid(frame) is not invalid, frame


def test_the_tables_of_fields_agree_with_the_schemas(schemas):
    for title, prefix in (("Operations", "op"), ("Events", "event")):
        for part in re.split(r"^### ", section(title), flags=re.M)[1:]:
            name = part.split("\n")[0].strip()
            schema = json.loads((PROTOCOL / "schemas" / f"{prefix}-{name}.json").read_text("utf-8"))
            fields = {row[0]: row[-1] for row in rows(part)}
            known = set(schema["properties"])
            if name == "error":
                shared = json.loads((PROTOCOL / "schemas" / "common.json").read_text("utf-8"))
                known |= set(shared["$defs"]["errorFields"]["properties"])
            assert set(fields) == known, name
            required = {field for field, when in fields.items() if when in ("yes", "always")}
            assert required == set(schema["required"]), name


def minimal_client(tmp_path):
    """The client that the text shows, as a module's names."""
    code = re.search(r"```python\n(.*?)```", section("A client of 40 lines"), re.S).group(1)
    assert len(code.splitlines()) <= 44
    file = tmp_path / "minimal.py"
    file.write_text(code, "utf-8")
    return runpy.run_path(str(file))


def test_the_minimal_client_speaks_the_protocol(tmp_path, scripted):
    def script(peer):
        peer.greet()
        call = peer.expect("call")
        peer.send({"id": call["id"], "event": "queued", "pool": "p", "position": 0})
        peer.chunk(call, 0, '{"a":1}')
        assert peer.expect("grant")["bytes"] >= len('{"a":1}')
        peer.end(call)
        call = peer.expect("call")
        peer.end(call, "truncated")

    client = minimal_client(tmp_path)["Sluice"](scripted(script))
    data, result = client.call("/v1/chat/completions", {"model": "m", "stream": True})
    assert data == {"a": 1} and result["finish"] == "complete"
    with pytest.raises(RuntimeError):
        list(client.call("/v1/chat/completions", {"model": "m", "stream": True}))
    client.socket.close()


def test_the_minimal_client_calls_a_real_agent(tmp_path, agent):
    client = minimal_client(tmp_path)["Sluice"](agent)
    (result,) = client.call("/v1/chat/completions", {"model": "echo"})
    assert result["body"]["object"] == "echo"
    *chunks, result = client.call("/v1/chat/completions", {"model": "big-stream", "stream": True})
    assert len(chunks) == 300 and result["finish"] == "complete"
    client.socket.close()
