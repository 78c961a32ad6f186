import os

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from submit import key_of, submit

# Less than what stands in front gives a request: API Gateway's usual limit is 29 s.
WAIT_S = int(os.environ.get("WAIT_S", "20"))

app = FastAPI()


class Ask(BaseModel):
    question: str = Field(min_length=1, max_length=2_000)


@app.post("/analyze")
async def analyze(ask: Ask, request: Request):
    job = await submit(ask.question, key_of(request, ask.question), WAIT_S)
    match job and job["status"]:
        case "completed":
            return JSONResponse(job["result"])
        case "failed" | "expired" | "cancelled" | "dead-lettered" | "refused":
            return JSONResponse({"error": "the analysis failed"}, 502)
        case _:
            # The job goes on. An old client knows 503, and its repeat finds the same job.
            return JSONResponse({"error": "not done yet: send the same request again"}, 503, {"retry-after": "1"})
