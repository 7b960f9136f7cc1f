"""A notebook's place, small: Python's side of a widget's channel, and a page that holds the browser's side."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import comm
import pytest
import uvicorn
from comm.base_comm import BaseComm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from msformer.app.widget.edit_widget import EditWidget

HOST_PAGE = Path(__file__).parent / "host.html"


class Channel(BaseComm):
    """Keeps what Python says until somebody fetches it."""

    def __init__(self, *words: Any, **more: Any) -> None:
        self.said: list[tuple[Mapping[str, Any], Sequence[bytes]]] = []
        super().__init__(*words, **more)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        if msg_type == "comm_msg":
            self.said.append((data, [bytes(one) for one in buffers or ()]))

    def fetch(self) -> list[tuple[Mapping[str, Any], Sequence[bytes]]]:
        said, self.said = self.said, []
        return said


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Widgets that are made from now on have a ``Channel``."""
    monkeypatch.setattr(comm, "create_comm", Channel)


def channel_of(widget: EditWidget) -> Channel:
    assert isinstance(widget.comm, Channel)
    return widget.comm


def tell(widget: EditWidget, content: Mapping[str, Any]) -> None:
    """A message of the browser, as a notebook hands it to Python."""
    channel_of(widget).handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


@contextmanager
def hosted(widget: EditWidget) -> Iterator[str]:
    """The address of a page that shows a widget, while a test needs it."""
    channel = channel_of(widget)

    async def message(request: Request) -> Response:
        content = json.loads(await request.body())
        if content is not None:
            tell(widget, content)
        return JSONResponse(
            [
                {"data": data, "buffers": [base64.b64encode(one).decode() for one in buffers]}
                for data, buffers in channel.fetch()
            ]
        )

    async def page(_: Request) -> Response:
        return HTMLResponse(HOST_PAGE.read_text())

    async def module(_: Request) -> Response:
        return Response(str(widget._esm), media_type="text/javascript")

    async def state(_: Request) -> Response:
        return JSONResponse({"height": widget.height, "revision": widget.revision})

    routes = [
        Route("/", page),
        Route("/esm.js", module),
        Route("/state", state),
        Route("/message", message, methods=["POST"]),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(10)
