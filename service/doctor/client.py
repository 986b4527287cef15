"""Questions over HTTP to a service, this machine's or one behind a URL."""

import json
from collections.abc import Mapping

import msgspec
from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.iostream import UnsatisfiableReadError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

_SIZE_LIMIT_BYTES = 1024 * 1024

_NO_ANSWER = (HTTPError, OSError, ValueError, UnsatisfiableReadError)  # what is raised where nothing comes that is HTTP


async def ask(
    url: str,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, str] | None = None,
) -> HTTPResponse:
    """GET, or POST with `body` as JSON. Any status is an answer, 599 that there is none; redirects are not followed."""
    request = HTTPRequest(
        url,
        method="GET" if body is None else "POST",
        headers=dict(headers or {}),
        body=None if body is None else json.dumps(body),
        connect_timeout=timeout,
        request_timeout=timeout,
        follow_redirects=False,
        decompress_response=False,
    )
    client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=_SIZE_LIMIT_BYTES)
    try:
        return await client.fetch(request, raise_error=False)
    except _NO_ANSWER as trouble:
        return HTTPResponse(request, 599, error=trouble)
    finally:
        client.close()


def failed(response: HTTPResponse) -> bool:
    """Whether there was no answer."""
    return response.code == 599


def reason(response: HTTPResponse) -> str:
    """Why not."""
    return str(response.error or "no answer").removeprefix("HTTP 599: ")


def document(response: HTTPResponse) -> dict[str, object]:
    """The JSON object that was answered; {} for anything else."""
    try:
        found = msgspec.json.decode(response.body, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found


def is_ours(health: HTTPResponse) -> bool:
    """Whether that is an answer of ours to /healthz."""
    return health.code == 200 and document(health) == {"status": "ok"}
