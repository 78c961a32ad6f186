import os

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from relay import relay
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


@app.post("/analyses")
async def begin(ask: Ask, request: Request):
    job = await submit(ask.question, key_of(request, ask.question), 0)
    if job is None:
        return JSONResponse({"error": "send the same request again"}, 503, {"retry-after": "1"})
    if job["status"] == "refused":
        return JSONResponse({"error": "the analysis failed"}, 502)
    here = f"/analyses/{job['id']}"
    return JSONResponse({"id": job["id"], "events": f"{here}/events"}, 202, {"location": here})


@app.get("/analyses/{id}")
async def look(id: str, request: Request):
    return await relay(request, id)


@app.get("/analyses/{id}/events")
async def follow(id: str, request: Request):
    return await relay(request, id, "/events")
