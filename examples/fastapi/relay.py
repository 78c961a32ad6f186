import re

import httpx
from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from submit import sluice

# Nothing else of a caller's becomes part of a path.
JOB_ID = re.compile("job_[a-z2-7]+")
PASSED_ON = ("content-type", "cache-control", "retry-after")


async def relay(request: Request, id: str, what: str = "") -> Response:
    """
    Passes on what Sluice says of a job, as it comes: how it stands, or its events for as long as the reader stays. This is the
    place to ask whether the caller may see this job, and what of it: events hold the prompts, too.
    """
    if not JOB_ID.fullmatch(id):
        return JSONResponse({"error": "there is no such analysis"}, 404)
    path = f"/v1/jobs/{id}{what}"
    headers = {"accept": request.headers.get("accept", "application/json")}
    cursor = request.headers.get("last-event-id", request.query_params.get("after"))
    if cursor is not None:
        headers["last-event-id"] = cursor
    try:
        # Longer than the 15 s after which a stream that has nothing to tell says that it lives.
        answer = await sluice.send(sluice.build_request("GET", path, headers=headers, timeout=60), stream=True)
    except httpx.HTTPError:
        # Sluice is being started again: the reader comes back, and goes on after the last event that it has.
        return Response(status_code=503, headers={"retry-after": "1"})

    async def body():
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
        finally:
            await answer.aclose()

    passed_on = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
    return StreamingResponse(body(), answer.status_code, passed_on)
