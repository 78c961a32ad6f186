import asyncio
from contextvars import ContextVar

from ministack.services import apigateway, lambda_svc

from .cloudformation import TRIAL

GAP = (
    "services/apigateway.py:991 forgets what an authorizer of a WebSocket API has thrown: on AWS the word Unauthorized is a 401, here every "
    "error is a 500, and no client could tell a wrong key from a fault."
)
WORD = {"error": True, "body": {"errorMessage": "Unauthorized"}}
_result = ContextVar("result_of_the_authorizer", default=None)


def is_there():
    async def run(*args, **named):
        return WORD

    kept = apigateway.run_reentrant, lambda_svc._get_func_record_for_ref_in_scope, lambda_svc._execution_record_for_config
    apigateway.run_reentrant = run
    lambda_svc._get_func_record_for_ref_in_scope = lambda *args, **named: ({}, {}, TRIAL)
    lambda_svc._execution_record_for_config = lambda *args: {}
    apigateway._authorizers[TRIAL] = {TRIAL: {}}
    connecting = apigateway._authorize_ws_connect(TRIAL, {"authorizerId": TRIAL}, {"stage": TRIAL}, {}, {}, "0", "us-east-1")
    try:
        refusal, _ = asyncio.run(connecting)
        return refusal[0] != 401
    finally:
        apigateway.run_reentrant, lambda_svc._get_func_record_for_ref_in_scope, lambda_svc._execution_record_for_config = kept
        apigateway._authorizers.pop(TRIAL)


def fill():
    run, authorize = apigateway.run_reentrant, apigateway._authorize_ws_connect

    async def remembered(*args, **named):
        result = await run(*args, **named)
        if named.get("thread_name") == "ministack-apigw-authorizer":
            _result.set(result)
        return result

    async def authorized(*args, **named):
        _result.set(None)
        refusal, context = await authorize(*args, **named)
        return ((401, "Unauthorized") if _is_word(_result.get()) else refusal), context

    apigateway.run_reentrant = remembered
    apigateway._authorize_ws_connect = authorized


def _is_word(result):
    body = (result or {}).get("body")
    return bool((result or {}).get("error")) and isinstance(body, dict) and body.get("errorMessage") == "Unauthorized"
