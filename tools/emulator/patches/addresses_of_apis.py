import os
import re

from ministack.services import lambda_svc

from .cloudformation import HANDLERS, TRIAL, answer

TYPE = "AWS::Lambda::Function"
GAP = (
    "services/cloudformation/engine.py:855 makes the host names of APIs that AWS would give them, and nothing answers under these: a function "
    "that is told where frames for connections are handed in would look for a host that does not exist."
)
HOST = re.compile(r"^(?:(https)|wss)://([a-z0-9]+)\.execute-api\.[a-z0-9.-]+/")


def is_there():
    url = f"https://{TRIAL}.execute-api.us-east-1.amazonaws.com/live"
    props = {
        "Code": {"ZipFile": "-"},
        "Runtime": "nodejs24.x",
        "Handler": "index.handler",
        "Environment": {"Variables": {"URL": url}},
    }
    name, _ = HANDLERS[TYPE]["create"](TRIAL, props, TRIAL)
    try:
        return answer(lambda_svc._get_function_config(name))["Environment"]["Variables"]["URL"] == url
    finally:
        HANDLERS[TYPE]["delete"](name, props)


def fill():
    handler = HANDLERS[TYPE]
    create, update = handler["create"], handler["update"]

    def created(logical_id, props, stack_name):
        return create(logical_id, _local(props), stack_name)

    def updated(physical_id, old_props, new_props, *more, **named):
        return update(physical_id, _local(old_props), _local(new_props), *more, **named)

    handler.update(create=created, update=updated)


def _local(props):
    environment = props.get("Environment") or {}
    variables = {name: _address(value) for name, value in (environment.get("Variables") or {}).items()}
    return {**props, "Environment": {**environment, "Variables": variables}} if variables else props


def _address(value):
    """Where the emulator has the API that a URL is of; another value as it is."""
    if not isinstance(value, str):
        return value
    address = f"127.0.0.1:{os.environ['GATEWAY_PORT']}/_aws/execute-api"
    return HOST.sub(lambda found: f"{'http' if found[1] else 'ws'}://{address}/{found[2]}/", value)
