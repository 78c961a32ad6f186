import hashlib
import json
import os
import time

import httpx
from fastapi import Request

# Each caller who waits holds a connection.
sluice = httpx.AsyncClient(
    base_url=os.environ.get("SLUICE_URL", "http://127.0.0.1:8787"), limits=httpx.Limits(max_connections=None)
)
WINDOW_S = 600


async def submit(question: str, key: str, wait_s: int) -> dict | None:
    """
    The job for a question, after at most `wait_s` seconds: the one that this key began, however often it is submitted.
    None while Sluice does not answer, or takes no more jobs: try again later, with the same key.
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
    return response.json() if response.is_success else None


def key_of(request: Request, question: str) -> str:
    """
    The same for each repeat of a request: by the `Idempotency-Key` that its client sends, or else, for clients that never
    sent one, by caller and question within ten minutes.
    """
    repeat = request.headers.get("idempotency-key", int(time.time() / WINDOW_S))
    parts = [request.headers.get("authorization", ""), repeat, question]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
