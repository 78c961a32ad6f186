"""How patches try the emulator's WebSocket API: without a network, on one whose function the trial is."""

import asyncio

from ministack.services import apigateway

from .cloudformation import TRIAL


def told(answer, frames=()):
    """What a client that connects and sends frames is told: ASGI's messages. `answer(event_type)` is what the function answers."""
    incoming = [{"type": "websocket.connect"}, *frames, {"type": "websocket.disconnect"}]
    sent = []

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message)

    async def invoke(api_id, account_id, region, route, stage, connection_id, event_type, *rest, **more):
        for connection in apigateway._ws_connections.values():
            # Its end would be waited for, for half a second.
            connection["outbox"].put_nowait(None)
        return answer(event_type)

    replaced = {
        "_api_owner": lambda api_id: ("WEBSOCKET", "000000000000", "us-east-1"),
        "_match_ws_route": lambda api_id, route_key: {"routeKey": route_key},
        "_invoke_ws_lambda": invoke,
    }
    kept = {name: getattr(apigateway, name) for name in replaced}
    for name, trial in replaced.items():
        setattr(apigateway, name, trial)
    scope = {"path": f"/{TRIAL}", "extensions": {"websocket.http.response": {}}}
    try:
        asyncio.run(apigateway.handle_websocket(scope, receive, send, TRIAL))
    finally:
        for name, function in kept.items():
            setattr(apigateway, name, function)
    return sent
