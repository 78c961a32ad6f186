import json
import os
from collections.abc import AsyncIterator

import httpx

from .tools import TOOLS

client = httpx.AsyncClient(
    base_url=os.environ.get("MODEL_URL", "http://127.0.0.1:9000"),
    timeout=60,
    limits=httpx.Limits(max_connections=None),
)


class ModelError(Exception):
    """The model gave no answer."""


class RefusedError(ModelError):
    """The model will not answer this, however often it is asked."""


async def stream(question: str, passages: list, draft: dict | None = None, findings: list | None = None) -> AsyncIterator[str | dict]:
    """One call of a model that speaks OpenAI's chat completions: its words as they come, and last the whole completion."""
    body = {"model": "slow", "stream": True, "tools": TOOLS, "messages": messages_of(question, passages, draft, findings)}
    text, tool_calls = "", []
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code == 400:
                raise RefusedError((await response.aread()).decode())
            response.raise_for_status()
            async for line in response.aiter_lines():
                if line == "data: [DONE]":
                    yield {"text": text, "toolCalls": tool_calls}
                    return
                if not line.startswith("data: "):
                    continue
                delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]
                tool_calls += [{"id": call["id"], **call["function"]} for call in delta.get("tool_calls", [])]
                if delta.get("content"):
                    text += delta["content"]
                    yield delta["content"]
    except httpx.HTTPError as error:
        raise ModelError("the model did not answer") from error
    raise ModelError("the model's answer broke off")


async def complete(*prompt) -> dict:
    """The completion alone."""
    async for part in stream(*prompt):
        completion = part
    return completion


def messages_of(question: str, passages: list, draft: dict | None, findings: list | None) -> list[dict]:
    sources = "\n".join(f"[{index}] {passage['path']}: {passage['text']}" for index, passage in enumerate(passages, 1))
    messages = [
        {"role": "system", "content": "You answer from the sources, and cite them by number. Be brief."},
        {"role": "user", "content": f"{sources}\n\nQuestion: {question}"},
    ]
    if draft is None:
        return messages
    calls = [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in draft["toolCalls"]
    ]
    return [
        *messages,
        {"role": "assistant", "content": draft["text"], "tool_calls": calls},
        *({"role": "tool", "tool_call_id": finding["id"], "content": finding["text"]} for finding in findings or []),
    ]
