from ministack.services import s3

from .cloudformation import HANDLERS, TRIAL, after_create_and_update

TYPE = "AWS::S3::Bucket"
GAP = (
    "services/cloudformation/provisioners.py:1669 leaves out a bucket's tags: the CDK's function that empties a bucket before it is "
    "removed looks for its own there, and the removal fails."
)
TAGS = [{"Key": "left", "Value": "out"}]


def is_there():
    name, _ = HANDLERS[TYPE]["create"](TRIAL, {"BucketName": TRIAL, "Tags": TAGS}, TRIAL)
    try:
        return not s3._bucket_tags.get(name)
    finally:
        s3._bucket_tags.pop(name, None)
        HANDLERS[TYPE]["delete"](name, {})


def fill():
    after_create_and_update(TYPE, _tag)


def _tag(name, props):
    s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in props.get("Tags") or []}
