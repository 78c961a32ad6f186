import hashlib
import json
import logging
import os
import time

import httpx
from fastapi import Request

# Each caller who waits holds a connection.
sluice = httpx.AsyncClient(
    base_url=os.environ.get("SLUICE_URL", "http://127.0.0.1:8787"), limits=httpx.Limits(max_connections=None)
)
WINDOW_S = 600
# What Sluice answers to a request that it may take later.
PASSING = (408, 425, 429)


async def submit(question: str, key: str, wait_s: int) -> dict | None:
    """
    The job for a question, after at most `wait_s` seconds: the one that this key began, however often it is submitted.
    None while Sluice does not answer, or takes no more jobs: try again later, with the same key.
    Its status is "refused" where Sluice will not take it, however often it is sent: its key, say, or its workflow is unknown.
    """
    try:
        response = await sluice.post(
            "/v1/jobs",
            json={"workflow": "analyze", "input": {"question": question}},
            headers={"idempotency-key": key, "prefer": f"wait={wait_s}"},
            timeout=wait_s + 5,
        )
    except httpx.HTTPError:
        return None
    if response.is_success:
        return response.json()
    if response.status_code >= 500 or response.status_code in PASSING:
        return None
    logging.error("Sluice answered %s: %s", response.status_code, response.text)
    return {"status": "refused"}


def key_of(request: Request, question: str) -> str:
    """
    The same for each repeat of a request: by the `Idempotency-Key` that its client sends, or else, for clients that never
    sent one, by caller and question within ten minutes.
    """
    repeat = request.headers.get("idempotency-key", int(time.time() / WINDOW_S))
    parts = [request.headers.get("authorization", ""), repeat, question]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
