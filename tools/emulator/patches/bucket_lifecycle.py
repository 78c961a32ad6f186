from xml.etree import ElementTree

from ministack.services import s3

from .cloudformation import HANDLERS, TRIAL, after_create_and_update

TYPE = "AWS::S3::Bucket"
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
GAP = (
    "services/cloudformation/provisioners.py:1484 leaves out a bucket's LifecycleConfiguration: nothing could tell whether "
    "the objects of jobs go when they should."
)


def is_there():
    rules = [{"Status": "Enabled", "ExpirationInDays": 1}]
    props = {"BucketName": TRIAL, "LifecycleConfiguration": {"Rules": rules}}
    name, _ = HANDLERS[TYPE]["create"](TRIAL, props, TRIAL)
    try:
        status, *_ = s3._get_bucket_lifecycle(name)
        return status == 404
    finally:
        HANDLERS[TYPE]["delete"](name, props)


def fill():
    after_create_and_update(TYPE, _lifecycle)


def _lifecycle(name, props):
    rules = (props.get("LifecycleConfiguration") or {}).get("Rules")
    if not rules:
        return
    status, _, body = s3._put_bucket_lifecycle(name, _xml(rules))
    if status >= 300:
        raise ValueError(f"{name}: the lifecycle was refused: {body!r}")


def _xml(rules):
    """Rules of a template, of the two kinds that the stack has, as the API takes them."""
    root = ElementTree.Element("LifecycleConfiguration", xmlns=NAMESPACE)
    for rule in rules:
        element = ElementTree.SubElement(root, "Rule")
        _text(element, "ID", rule.get("Id", "rule"))
        _text(element, "Status", rule["Status"])
        _text(ElementTree.SubElement(element, "Filter"), "Prefix", rule.get("Prefix", ""))
        if "ExpirationInDays" in rule:
            _text(ElementTree.SubElement(element, "Expiration"), "Days", rule["ExpirationInDays"])
        if "AbortIncompleteMultipartUpload" in rule:
            abort = ElementTree.SubElement(element, "AbortIncompleteMultipartUpload")
            _text(abort, "DaysAfterInitiation", rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
    return ElementTree.tostring(root)


def _text(parent, tag, value):
    ElementTree.SubElement(parent, tag).text = str(value)
