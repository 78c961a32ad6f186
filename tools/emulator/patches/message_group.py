import contextvars
import json

from ministack.services import eventbridge, sqs

GAP = (
    "services/eventbridge.py:2447 drops the MessageGroupId of a rule's target unless its queue is FIFO, and resolves no path in "
    "it: a standard queue is a fair queue by that group only, and the stack puts the tenant there."
)
_group = contextvars.ContextVar("message_group", default=None)


def is_there():
    queue = {"messages": [], "is_fifo": False, "attributes": {}}
    found = sqs._queue_by_arn
    sqs._queue_by_arn = lambda arn: queue
    try:
        spec = type("Spec", (), {"resource": "trial", "__str__": lambda self: "trial"})()
        eventbridge._dispatch_to_sqs(spec, '{"detail":{"tenant":"acme"}}', {"MessageGroupId": "$.detail.tenant"})
    finally:
        sqs._queue_by_arn = found
    return queue["messages"][0].get("group_id") != "acme"


def fill():
    ensure, dispatch = sqs._ensure_msg_fields, eventbridge._dispatch_to_sqs

    def with_group(message):
        ensure(message)
        if _group.get() and not message.get("group_id"):
            message["group_id"] = _group.get()

    def to_queue(spec, payload, sqs_parameters=None):
        queue = sqs._queue_by_arn(str(spec))
        wanted = (sqs_parameters or {}).get("MessageGroupId")
        token = _group.set(_resolve(wanted, payload) if queue and not queue.get("is_fifo") else None)
        try:
            dispatch(spec, payload, sqs_parameters)
        finally:
            _group.reset(token)

    sqs._ensure_msg_fields = with_group
    eventbridge._dispatch_to_sqs = to_queue


def _resolve(wanted, payload):
    if not wanted or not wanted.startswith("$."):
        return wanted
    value = json.loads(payload)
    for key in wanted[2:].split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None else str(value)
