"""python follow.py "How long do I have for returns, and what is 3 * 12?": asks, and reads the answer as it comes."""

import json
import os
import sys
import time
import uuid

import httpx

SERVICE_URL = os.environ.get("SERVICE_URL", "http://127.0.0.1:3000")
FAILURES = ("job.failed", "job.expired", "job.cancelled")


def follow(client: httpx.Client, path: str) -> dict:
    """The result of an analysis. Where its stream breaks, it goes on after the last event that it has."""
    last = "0"
    while True:
        try:
            headers = {"accept": "text/event-stream", "last-event-id": last}
            with client.stream("GET", path, headers=headers, timeout=60) as response:
                response.raise_for_status()
                for line in response.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "data":
                        event = json.loads(value)
                        last = str(event["seq"])
                        if event["type"] == "step.progress":
                            print(event.get("text", ""), end="", flush=True)
                        if event["type"] == "job.completed":
                            return event["output"]
                        if event["type"] in FAILURES:
                            raise SystemExit(f"the analysis has ended with {event['type']}")
        except httpx.HTTPError:
            pass
        time.sleep(1)


if __name__ == "__main__":
    with httpx.Client(base_url=SERVICE_URL) as client:
        headers = {"idempotency-key": str(uuid.uuid4())}
        begun = client.post("/analyses", json={"question": sys.argv[1]}, headers=headers)
        begun.raise_for_status()
        result = follow(client, begun.json()["events"])
        print("\n" + json.dumps(result, indent=2, ensure_ascii=False))
