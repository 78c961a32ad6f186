from ministack.services import apigateway_v1 as apigateway

GAP = (
    "services/apigateway_v1.py:718: the URI of an integration that streams ends in /response-streaming-invocations, which is taken "
    "for a part of the function's name: the method would answer 500. Answers stay whole here: its runtime has no `awslambda`."
)
SUFFIX = "/response-streaming-invocations"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:trial"


def is_there():
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/{ARN}{SUFFIX}"
    return apigateway._extract_lambda_ref_from_integration_uri(uri) != ARN


def fill():
    extract = apigateway._extract_lambda_ref_from_integration_uri
    apigateway._extract_lambda_ref_from_integration_uri = lambda uri: extract(uri).removesuffix(SUFFIX)
