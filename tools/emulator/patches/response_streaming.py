from ministack.services import apigateway_v1 as apigateway

GAP = (
    "services/apigateway_v1.py:718: the URI of an integration that streams (…/response-streaming-invocations) names no function: 500. "
    "Here it is called as any other, and what it answers comes in one piece."
)
_URI = "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/arn:aws:lambda:us-east-1:0:function:trial/response-streaming-invocations"
_ARN = "arn:aws:lambda:us-east-1:0:function:trial"


def is_there():
    return apigateway._extract_lambda_ref_from_integration_uri(_URI) != _ARN


def fill():
    extract = apigateway._extract_lambda_ref_from_integration_uri
    apigateway._extract_lambda_ref_from_integration_uri = lambda uri: extract(
        (uri or "").replace("/response-streaming-invocations", "/invocations")
    )
