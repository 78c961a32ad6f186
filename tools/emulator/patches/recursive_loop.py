from ministack.services import lambda_svc

from .cloudformation import HANDLERS, TRIAL, after_create_and_update, answer

TYPE = "AWS::Lambda::Function"
GAP = (
    "services/cloudformation/provisioners.py:2356 leaves out RecursiveLoop of a function: on AWS a job of more than 16 steps would be "
    "stopped without it, and no check could tell whether the template asks for it."
)


def is_there():
    props = {"Code": {"ZipFile": "-"}, "Runtime": "nodejs24.x", "Handler": "index.handler", "RecursiveLoop": "Allow"}
    name, _ = HANDLERS[TYPE]["create"](TRIAL, props, TRIAL)
    try:
        return answer(lambda_svc._get_function_recursion_config(name))["RecursiveLoop"] != "Allow"
    finally:
        HANDLERS[TYPE]["delete"](name, props)


def fill():
    after_create_and_update(TYPE, _recursion)


def _recursion(name, props):
    if "RecursiveLoop" in props:
        answer(lambda_svc._put_function_recursion_config(name, {"RecursiveLoop": props["RecursiveLoop"]}))
