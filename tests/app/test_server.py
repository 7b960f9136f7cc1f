"""Who is answered, and with what."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from msformer.app import guard
from msformer.app.desk import Desk, Task
from msformer.app.server import make_app

PORT, TOKEN = 4321, "token-of-this-start"
HOST = f"127.0.0.1:{PORT}"
ORIGIN = {"Origin": f"http://{HOST}"}
NAME = "lesion-01"


@pytest.fixture
def client(out: Path) -> Iterator[TestClient]:
    with TestClient(make_app(Desk(Task(out)), TOKEN, PORT), base_url=f"http://{HOST}") as opened:
        yield opened


@pytest.fixture
def known(client: TestClient) -> TestClient:
    """A browser that opened the page."""
    assert client.get(f"/?token={TOKEN}").status_code == 200
    return client


def act(client: TestClient, what: dict[str, Any], based_on: int = 0, **headers: str) -> Any:
    return client.post(
        "/api/act", json={"name": NAME, "based_on": based_on, "act": what}, headers={**ORIGIN, **headers}
    )


def test_the_page_gives_a_cookie_that_no_script_and_no_other_site_sees(client: TestClient) -> None:
    answer = client.get(f"/?token={TOKEN}")
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert client.get("/api/desk").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/desk", "/static/main.js", f"/?token={TOKEN}x", f"/api/desk?token={TOKEN}"])
def test_nobody_is_answered_without_the_token(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert TOKEN not in answer.text


def test_the_address_of_a_new_start_holds_though_a_cookie_of_the_one_before_is_there(client: TestClient) -> None:
    client.cookies.set(f"msformer-{PORT}", "of-yesterday")
    assert client.get("/api/desk").status_code == 401
    client.cookies.set(f"msformer-{PORT}", "of-yesterday")
    assert client.get(f"/?token={TOKEN}").status_code == 200


def test_every_answer_forbids_to_talk_to_anybody_else(known: TestClient) -> None:
    for path in ("/", "/static/style.css", "/api/desk", "/nothing"):
        headers = known.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", ""])
def test_another_host_is_not_this_one(known: TestClient, host: str) -> None:
    assert known.get("/api/desk", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"http://evil.example:{PORT}", "http://127.0.0.1"])
def test_another_origin_is_refused(known: TestClient, origin: str) -> None:
    assert known.get("/api/desk", headers={"Origin": origin}).status_code == 403
    assert act(known, {"undo": True}, Origin=origin).status_code == 403


def test_what_changes_something_must_name_its_origin(known: TestClient) -> None:
    assert known.post("/api/stop", json={}).status_code == 403
    assert known.post("/api/stop", json={}, headers=ORIGIN).status_code == 200
    assert known.get("/api/desk", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/static/../desk.py", "/static/%2e%2e/desk.py", "/static/..%2f..%2fdesk.py", "/../../etc/passwd",
     "/static//etc/passwd", "/api/case?name=../../in/lesion-01", "/api/picture?name=/etc/passwd",
     "/api/thumb?name=%2e%2e%2fx", "/api/case?name=lesion-01&slice=-1", "/api/case?name=lesion-01&slice=1e9"],
)  # fmt: skip
def test_no_path_leads_out(known: TestClient, path: str) -> None:
    answer = known.get(path)
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text


def test_a_request_that_is_too_large_is_refused(known: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LARGEST_BODY", 1000)
    places = [[1.0, 1.0]] * 1000
    answer = act(known, {"do": {"kind": "lasso", "path": places}})
    assert answer.status_code == 413
    assert "at most 1000 bytes; got" in answer.text

    def bits() -> Iterator[bytes]:  # without a length
        for _ in range(20):
            yield b"x" * 100

    assert known.post("/api/act", content=bits(), headers=ORIGIN).status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(known: TestClient, body: bytes) -> None:
    assert known.post("/api/act", content=body, headers=ORIGIN).status_code == 400


@pytest.mark.parametrize(
    "said",
    [{}, {"name": NAME}, {"name": NAME, "based_on": "0", "act": {}}, {"name": NAME, "based_on": 0, "act": []},
     {"name": NAME, "based_on": 0, "act": {"do": {"kind": "brush", "path": [], "radius": 1}}},
     {"name": NAME, "based_on": 0, "act": {"do": {"kind": "point", "row": 10**6, "column": 1}}},
     {"name": NAME, "based_on": 0, "act": {"do": {"kind": "brush", "path": [[1e300, 1]], "radius": 5}}},
     {"name": NAME, "slice": "x", "based_on": 0, "act": {"undo": True}}],
)  # fmt: skip
def test_what_makes_no_sense_is_told_in_words(known: TestClient, said: dict[str, Any]) -> None:
    answer = known.post("/api/act", json=said, headers=ORIGIN)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_later_of_two_windows_is_told(known: TestClient) -> None:
    drawn = {"do": {"kind": "brush", "path": [[9, 9]], "radius": 4}}
    first = act(known, drawn)
    assert first.status_code == 200
    late = act(known, drawn)
    assert late.status_code == 409
    assert "another window" in late.json()["error"]
    assert act(known, {"undo": True}, based_on=first.json()["revision"]).status_code == 200


def test_what_is_busy_says_so(known: TestClient) -> None:
    answer = known.post("/api/segment", json={}, headers=ORIGIN)
    assert answer.status_code == 400
    assert "without its images" in answer.json()["error"]


def test_a_picture_comes_whole(known: TestClient) -> None:
    shown = known.get(f"/api/case?name={NAME}").json()
    answer = known.get(f"/api/picture?name={NAME}")
    assert answer.headers["content-type"] == "image/png"
    assert shown["picture"]["plain"]
    assert (shown["picture"]["height"], shown["picture"]["width"]) == (144, 192)
    for what in ("clusters", "thumb"):
        assert known.get(f"/api/{what}?name={NAME}").headers["content-type"].startswith("image/")
    regions = known.get(f"/api/regions?name={NAME}").json()
    assert regions["regions"]
    assert known.get(f"/api/warm?name={NAME}").status_code == 204
    assert known.get(f"/api/objects?name={NAME}").json()[0]["px"] > 0


def test_a_disk_that_fails_is_told(known: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    answer = act(known, {"do": {"kind": "brush", "path": [[9, 9]], "radius": 4}})
    assert answer.status_code == 507
    assert "No space left" in answer.json()["error"]


def test_wide_values_are_sent_with_what_they_stand_for() -> None:
    import numpy as np

    from msformer.app.pictures import Shown
    from msformer.image import Image

    pixels = np.linspace(-1000, 3000, 40 * 50).reshape(40, 50).astype(np.float32)
    shown = Shown(Image.from_array(pixels, modality="CT"))
    about = shown.about()
    data, kind = shown.data()
    numbers = np.frombuffer(zlib.decompress(data), dtype="<u2").reshape(40, 50)
    assert kind == "application/octet-stream"
    np.testing.assert_allclose(numbers * about["step"] + about["first"], pixels, atol=0.05)
    assert about["unit"] == "HU"
    assert set(about["windows"]) == {"lung", "soft-tissue", "bone"}
    assert about["contrast"] == [-1000.0, 400.0]


def test_large_pictures_are_shown_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from msformer.app import pictures
    from msformer.image import Image

    monkeypatch.setattr(pictures, "MOST_SHOWN", 1000)
    shown = pictures.Shown(Image.from_array(np.zeros((70, 90), dtype=np.uint8)))
    about = shown.about()
    assert about["factor"] == 3
    assert (about["height"], about["width"]) == (24, 30)
    assert pictures.shown_mask(np.zeros((70, 90), dtype=bool), 3).shape == (24, 30)
