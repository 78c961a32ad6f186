"""How patches speak with MiniStack's CloudFormation."""

import json

from ministack.services.cloudformation import provisioners

HANDLERS = provisioners._RESOURCE_HANDLERS
# The stack that trials are made in: nothing of it is left when the emulator starts.
TRIAL = "trial"


def answer(response):
    """The body of what one of the emulator's API functions answers; an error is raised."""
    status, _, body = response
    if status >= 300:
        raise ValueError(str(body)[:500])
    return json.loads(body or b"{}")


def true(value):
    """Whether a template says true: as a boolean, or as the text that CloudFormation makes of it."""
    return value in (True, "true")


def after_create_and_update(resource_type, then):
    """Has `then(physical_id, props)` called when a resource of this type was created or updated."""
    handler = HANDLERS[resource_type]
    create, update = handler["create"], handler["update"]

    def created(logical_id, props, stack_name):
        physical_id, attributes = create(logical_id, props, stack_name)
        then(physical_id, props)
        return physical_id, attributes

    def updated(physical_id, old_props, new_props, *more):
        new_id, attributes = update(physical_id, old_props, new_props, *more)
        then(new_id, new_props)
        return new_id, attributes

    handler["create"], handler["update"] = created, updated
