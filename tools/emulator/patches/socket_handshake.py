from contextvars import ContextVar

from ministack.services import apigateway

from .web_socket_trial import told

GAP = (
    "services/apigateway.py:3262 accepts a WebSocket without the subprotocol that $connect's function chose, with which no client of ours "
    "goes on, and :3259 answers 403 whatever status the function refuses with."
)
HEADER = "sec-websocket-protocol"
_answer = ContextVar("answer_to_connect", default=None)


def is_there():
    chosen = told(lambda event_type: {"statusCode": 200, "headers": {HEADER: "trial"}}, [{"type": "websocket.receive", "text": ""}])
    refused = told(lambda event_type: {"statusCode": 400})
    return chosen[0] == {"type": "websocket.accept"} and refused[0]["type"] == "websocket.close"


def fill():
    invoke, handle = apigateway._invoke_ws_lambda, apigateway.handle_websocket

    async def remembered(*args, **named):
        answer = await invoke(*args, **named)
        if "CONNECT" in args:
            _answer.set(answer or {})
        return answer

    async def shaken(scope, receive, send, *args, **named):
        _answer.set(None)
        open_ = False

        async def giving(message):
            nonlocal open_
            answer = _answer.get() or {}
            if message["type"] == "websocket.accept":
                open_ = True
                message = {**message, **_chosen(answer)}
            elif message["type"] == "websocket.close" and not open_ and answer:
                return await apigateway._refuse_ws_handshake(scope, send, int(answer["statusCode"]), "", "", "")
            await send(message)

        await handle(scope, receive, giving, *args, **named)

    apigateway._invoke_ws_lambda = remembered
    apigateway.handle_websocket = shaken


def _chosen(answer):
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    return {"subprotocol": headers[HEADER]} if HEADER in headers else {}
