from ministack.core import iam_actions

GAP = (
    "core/iam_actions.py:763 takes batches of SQS for actions of their own, such as sqs:DeleteMessageBatch. On AWS the right to do one "
    "is the right to do many, and no policy can name the other: every batch of a function would be denied."
)
SUFFIX = "Batch"
SINGLE = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage")


def is_there():
    headers = {"x-amz-target": "AmazonSQS.DeleteMessageBatch"}
    return iam_actions.extract_iam_action("sqs", "POST", "/", headers, b"{}", {}) == "sqs:DeleteMessageBatch"


def fill():
    extract = iam_actions.extract_iam_action

    def of_single(*args, **kwargs):
        action = extract(*args, **kwargs)
        single = (action or "").removesuffix(SUFFIX)
        return single if single in SINGLE else action

    iam_actions.extract_iam_action = of_single
