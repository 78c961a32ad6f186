import json

from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

from .cloudformation import HANDLERS, answer

TYPE = "AWS::Events::Archive"
GAP = (
    "services/cloudformation/provisioners.py:15130 knows no AWS::Events::Archive, and one type that it does not know has it "
    "refuse the whole stack; services/eventbridge.py:2998 has archives."
)


def is_there():
    return TYPE not in HANDLERS


def fill():
    HANDLERS[TYPE] = {"create": _create, "update": _update, "delete": _delete}


def _create(logical_id, props, stack_name):
    name = props.get("ArchiveName") or provisioners._physical_name(stack_name, logical_id, max_len=48)
    made = answer(eventbridge._create_archive({**_wanted(props), "ArchiveName": name, "EventSourceArn": props["SourceArn"]}))
    return name, {"Arn": made["ArchiveArn"], "ArchiveName": name}


def _update(physical_id, old_props, new_props, stack_name):
    made = answer(eventbridge._update_archive({**_wanted(new_props), "ArchiveName": physical_id}))
    return physical_id, {"Arn": made["ArchiveArn"], "ArchiveName": physical_id}


def _delete(physical_id, props):
    eventbridge._delete_archive({"ArchiveName": physical_id})


def _wanted(props):
    pattern = props.get("EventPattern")
    return {
        "Description": props.get("Description", ""),
        "RetentionDays": int(props.get("RetentionDays", 0)),
        **({"EventPattern": json.dumps(pattern)} if pattern else {}),
    }
