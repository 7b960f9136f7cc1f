"""The desk over HTTP, on this machine alone."""

from __future__ import annotations

import json
import logging
import secrets
import socket
import threading
import webbrowser
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from msformer import look, stopping
from msformer.app.desk import Desk
from msformer.app.guard import Guard
from msformer.app.sheet import StaleError
from msformer.errors import ConfigError, FolderInUseError, MSFormerError
from msformer.plain import printable

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
STATIC = resources.files("msformer.app") / "static"
Answer = Callable[[Request], Awaitable[Response]]


def make_app(desk: Desk, token: str, port: int) -> ASGIApp:
    """The page and what it asks for.

    Args:
        desk: What it is about.
        token: Who has it is answered.
        port: Where it listens, which requests must name.
    """

    def get(ask: Callable[[Request], Any]) -> Answer:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(_answered, ask, request)

        return answer

    def post(do: Callable[[dict[str, Any]], Any]) -> Answer:
        async def answer(request: Request) -> Response:
            try:
                said = json.loads(await request.body())
            except (ValueError, RecursionError):
                said = None
            if not isinstance(said, dict):
                return JSONResponse({"error": "a request must be a JSON object"}, status_code=400)
            return await run_in_threadpool(_answered, do, said)

        return answer

    def act(said: dict[str, Any]) -> dict[str, Any]:
        based_on = said.get("based_on")
        if not isinstance(based_on, int):
            raise ConfigError(f"based_on must be the number of lines that the page knows of; got {based_on!r}")
        number, what = said.get("slice"), said.get("act")
        if not isinstance(what, dict) or not (number is None or isinstance(number, int)):
            raise ConfigError("act must be an object, and slice a number or nothing")
        return desk.act(str(said.get("name", "")), number, based_on, what)

    def started(ask: Callable[[], Any]) -> Any:
        ask()
        return desk.told()

    def stop(_: dict[str, Any]) -> Any:
        desk.jobs.stop()
        return desk.told()

    def packed(request: Request) -> Response:
        data, kind = desk.picture(*_part(request))
        headers = {} if kind == "image/png" else {"Content-Encoding": "deflate"}
        return Response(data, media_type=kind, headers=headers)

    def warm(request: Request) -> Response:
        desk.warm(*_part(request))
        return Response(status_code=204)

    def watched_picture(request: Request) -> Response:
        asked = request.query_params
        data = desk.watched_picture(asked.get("name", ""), asked.get("kind", ""))
        return Response(data, media_type="image/png") if data else Response(status_code=404)

    def stability(request: Request) -> Response:
        data = desk.stability(*_part(request))
        return Response(data, media_type="image/png") if data else Response(status_code=404)

    def find_stability(said: dict[str, Any]) -> Any:
        number = said.get("slice")
        if not (number is None or isinstance(number, int)):
            raise ConfigError(f"slice must be a number or nothing; got {printable(str(number))!r}")
        return started(lambda: desk.find_stability(str(said.get("name", "")), number))

    async def page(_: Request) -> Response:
        return Response((STATIC / "index.html").read_bytes(), media_type="text/html; charset=utf-8")

    routes = [
        Route("/", page),
        Mount("/look", StaticFiles(directory=str(look.FILES))),
        Mount("/static", StaticFiles(directory=str(STATIC))),
        Route("/api/desk", get(lambda _: desk.overview())),
        Route("/api/watch", get(lambda _: {"job": desk.told(), "images": desk.watched()})),
        Route("/api/watch-picture", get(watched_picture)),
        Route("/api/case", get(lambda request: desk.show(*_part(request)))),
        Route("/api/picture", get(packed)),
        Route(
            "/api/thumb",
            get(lambda request: Response(desk.thumbnail(_part(request)[0]), media_type="image/jpeg")),
        ),
        Route("/api/clusters", get(lambda request: Response(desk.clusters(*_part(request)), media_type="image/png"))),
        Route("/api/stability", get(stability)),
        Route("/api/stability", post(find_stability), methods=["POST"]),
        Route("/api/regions", get(lambda request: desk.regions(*_part(request)))),
        Route("/api/objects", get(lambda request: desk.objects(*_part(request)))),
        Route("/api/warm", get(warm)),
        Route("/api/act", post(act), methods=["POST"]),
        Route("/api/segment", post(lambda _: started(desk.segment)), methods=["POST"]),
        Route("/api/learn", post(lambda _: started(desk.learn)), methods=["POST"]),
        Route(
            "/api/export",
            post(lambda said: started(lambda: desk.export(str(said.get("format")), str(said.get("which"))))),
            methods=["POST"],
        ),
        Route("/api/stop", post(stop), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), token, port)


def _part(request: Request) -> tuple[str, int | None]:
    """The case and the slice that are asked for."""
    number = request.query_params.get("slice")
    if number is not None and not number.isdecimal():
        raise ConfigError(f"slice must be a number; got {printable(number)!r}")
    return request.query_params.get("name", ""), None if number is None else int(number)


def _answered(ask: Callable[[Any], Any], said: Any) -> Response:
    """What was asked for, or why not, in words."""
    try:
        answer = ask(said)
    except StaleError as error:
        return JSONResponse({"error": str(error)}, status_code=409)
    except FolderInUseError as error:
        return JSONResponse({"error": printable(str(error))}, status_code=423)
    except MSFormerError as error:
        return JSONResponse({"error": printable(str(error))}, status_code=400)
    except OSError as error:
        logger.warning("not written: %s", printable(str(error)))
        text = f"the disk could not be read or written: {error.strerror or type(error).__name__}"
        return JSONResponse({"error": text}, status_code=507)
    return answer if isinstance(answer, Response) else JSONResponse(answer)


LOADING_S = 10.0
"""Seconds that an end waits for libraries that are being loaded: a process that ends in the middle of it is aborted."""


def serve(desk: Desk, *, port: int, opens_browser: bool, tell: Callable[[str], None]) -> None:
    """Answer the page until a signal comes.

    Args:
        desk: What it is about.
        port: Where to listen; 0 takes a free one.
        opens_browser: Whether to show the page.
        tell: Called with the address.

    Raises:
        ConfigError: The port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()  # before the address is told, so that whoever opens it at once waits and is not refused
        except OSError as error:
            raise ConfigError(f"--port must be free; got {port}: {error.strerror}") from error
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        address = f"http://{HOST}:{port}/?token={token}"
        config = uvicorn.Config(
            make_app(desk, token, port),
            log_level="error",
            access_log=False,  # addresses hold names of cases, and the first one holds the token
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        tell(address)
        getting_ready = threading.Thread(target=_get_ready, daemon=True)
        getting_ready.start()
        if opens_browser:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        try:
            stopping.check()  # a signal while libraries were loaded, which may have been kept by one of them
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            desk.close()
            getting_ready.join(LOADING_S)


def _get_ready() -> None:
    """Load what the first click needs."""
    try:
        from msformer.prompting import grown_network

        grown_network()
    except MSFormerError as error:
        logger.warning("clicks will not be answered: %s", printable(str(error)))
