"""
What Sluice calls: the functions that the old route called, as they are, each a step of a job. A process of its own that only
Sluice can reach. A step answers with lines of JSON: {"text"} for words as they come, and last {"output"}, or {"refused"} where
trying again is useless. An answer without its last line has failed, and is tried again.
"""

import json
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from analysis.model import RefusedError, stream
from analysis.retrieve import retrieve
from analysis.tools import run_tool

app = FastAPI()


@app.post("/steps/retrieval")
async def retrieval(input: dict):
    return {"output": {"passages": await retrieve(input["question"])}}


@app.post("/steps/tools")
async def tools(input: dict):
    try:
        return {"output": await run_tool(input)}
    except json.JSONDecodeError as error:
        # Arguments that are no JSON stay so.
        return {"refused": str(error)}


@app.post("/steps/model")
async def model(input: dict):
    return StreamingResponse(lines_of_model(**input), media_type="application/x-ndjson")


async def lines_of_model(**prompt) -> AsyncIterator[str]:
    try:
        async for part in stream(**prompt):
            yield json.dumps({"text": part} if isinstance(part, str) else {"output": part}) + "\n"
    except RefusedError as error:
        yield json.dumps({"refused": str(error)}) + "\n"
