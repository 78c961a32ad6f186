from ministack.services import apigateway

from .web_socket_trial import told

GAP = (
    "services/apigateway.py:3320 hands a binary frame to the function as text. API Gateway takes none: it closes the connection with 1003 "
    "(docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html)."
)
UNSUPPORTED = 1003


def is_there():
    seen = []
    told(lambda event_type: seen.append(event_type), [{"type": "websocket.receive", "bytes": b"{}"}])
    return "MESSAGE" in seen


def fill():
    handle = apigateway.handle_websocket

    async def of_text(scope, receive, send, *args, **named):
        async def taking():
            message = await receive()
            if message["type"] != "websocket.receive" or message.get("bytes") is None:
                return message
            await send({"type": "websocket.close", "code": UNSUPPORTED})
            return {"type": "websocket.disconnect", "code": UNSUPPORTED}

        await handle(scope, taking, send, *args, **named)

    apigateway.handle_websocket = of_text
