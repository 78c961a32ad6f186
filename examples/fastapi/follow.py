"""python follow.py "How long do I have for returns, and what is 3 * 12?": asks, and reads the answer as it comes."""

import json
import os
import sys
import time
import uuid

import httpx

SERVICE_URL = os.environ.get("SERVICE_URL", "http://127.0.0.1:3000")
FAILURES = ("job.failed", "job.expired", "job.cancelled")
# What may pass below 500. All else that is no stream of events stays so, however often it is asked for.
PASSING = (408, 425, 429)
BACK_S = 1


def follow(client: httpx.Client, path: str) -> dict:
    """
    The result of an analysis; ends the program where it has none, or is not there. Where its stream breaks, it goes on after the
    last event that it has. A step that is tried again says its words from the start, on a line of their own.
    """
    last = "0"
    attempts: dict[str, int] = {}
    while True:
        back_s = BACK_S
        try:
            headers = {"accept": "text/event-stream", "last-event-id": last}
            with client.stream("GET", path, headers=headers, timeout=60) as response:
                status = response.status_code
                if status != 200:
                    if status < 500 and status not in PASSING:
                        raise SystemExit(f"the service answered {status}")
                    retry_after = response.headers.get("retry-after", "")
                    back_s = int(retry_after) if retry_after.isdecimal() else BACK_S
                    response.raise_for_status()
                for line in response.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "data":
                        event = json.loads(value)
                        last = str(event["seq"])
                        if event["type"] == "step.progress":
                            step, attempt = event["stepId"], event["attempt"]
                            if attempt > attempts.get(step, attempt):
                                print("\n[once more]")
                            attempts[step] = attempt
                            print(event.get("text", ""), end="", flush=True)
                        if event["type"] == "job.completed":
                            return event["output"]
                        if event["type"] in FAILURES:
                            raise SystemExit(f"the analysis has ended with {event['type']}")
        except httpx.HTTPError:
            pass
        time.sleep(back_s)


if __name__ == "__main__":
    with httpx.Client(base_url=SERVICE_URL) as client:
        headers = {"idempotency-key": str(uuid.uuid4())}
        begun = client.post("/analyses", json={"question": sys.argv[1]}, headers=headers)
        begun.raise_for_status()
        result = follow(client, begun.json()["events"])
        print("\n" + json.dumps(result, indent=2, ensure_ascii=False))
