from ministack import app
from ministack.core import iam_evaluator

GAP = (
    "core/iam_evaluator.py:643: over HTTP, aws:SecureTransport is false, so the policies that want TLS (the bucket's, the queues', "
    "the CDK's own bucket's) deny everything. The emulator listens on loopback only, which counts as TLS here."
)


def is_there():
    iam_evaluator.pin_request_origin("127.0.0.1", False)
    return iam_evaluator._request_origin.get() == ("127.0.0.1", False)


def fill():
    pin = iam_evaluator.pin_request_origin
    app.pin_request_origin = lambda source_ip, secure: pin(source_ip, True)
