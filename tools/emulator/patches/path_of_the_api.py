from contextvars import ContextVar

from ministack import app
from ministack.services import apigateway_v1 as apigateway

GAP = (
    "services/apigateway_v1.py:2785: an API is at /_aws/execute-api/ID/STAGE here, and requestContext.path leaves that out. On AWS it is "
    "the path that the caller used, also below a domain's base path: links in answers begin with it."
)
_before = ContextVar("before_the_stage", default="")


def is_there():
    app._parse_execute_api_url("127.0.0.1", "/_aws/execute-api/trial/api/v1/jobs")
    resource = {"id": "trial", "path": "/v1/jobs"}
    event = apigateway._build_lambda_event_v1("trial", "api", {}, resource, "/v1/jobs", "GET", {}, b"", {}, {})
    return event["requestContext"]["path"] == "/api/v1/jobs"


def fill():
    parse, build = app._parse_execute_api_url, apigateway._build_lambda_event_v1
    app._parse_execute_api_url = lambda host, path: _remember(parse(host, path), path)

    def built(*args, **kwargs):
        event = build(*args, **kwargs)
        context = event["requestContext"]
        context["path"] = _before.get() + context["path"]
        return event

    apigateway._build_lambda_event_v1 = built


def _remember(parsed, path):
    if parsed is not None:
        api_id, stage, rest = parsed
        _before.set(path[: path.index(f"/{stage}{rest}")] if f"/{stage}{rest}" in path else "")
    return parsed
