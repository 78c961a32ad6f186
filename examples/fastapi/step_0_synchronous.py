import asyncio
import logging

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from analysis.model import complete
from analysis.retrieve import retrieve
from analysis.tools import run_tool

app = FastAPI()


class Ask(BaseModel):
    question: str = Field(min_length=1, max_length=2_000)


@app.post("/analyze")
async def analyze(ask: Ask):
    question = ask.question
    try:
        passages = await retrieve(question)
        draft = await complete(question, passages)
        findings = await asyncio.gather(*(run_tool(call) for call in draft["toolCalls"]))
        answer = await complete(question, passages, draft, findings) if findings else draft
    except Exception:
        logging.exception("the analysis failed")
        return JSONResponse({"error": "the analysis failed"}, 502)
    return JSONResponse({"answer": answer["text"], "sources": [each["path"] for each in passages], "findings": findings})
