from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from .cloudformation import HANDLERS, TRIAL

TYPE = "AWS::SecretsManager::Secret"
GAP = (
    "services/cloudformation/provisioners.py:6908: Ref of a secret is its name, on AWS it is its ARN. A role that may read "
    "the secret by its Ref would be refused."
)


def is_there():
    physical_id, _ = HANDLERS[TYPE]["create"](TRIAL, {"Name": TRIAL}, TRIAL)
    HANDLERS[TYPE]["delete"](physical_id, {})
    return not physical_id.startswith("arn:")


def fill():
    create, update, delete = provisioners._sm_secret_create, provisioners._sm_secret_update, provisioners._sm_secret_delete

    def created(logical_id, props, stack_name):
        _, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes

    def updated(physical_id, old_props, new_props, *more):
        _, attributes = update(_name(physical_id), old_props, new_props, *more)
        return attributes["Arn"], attributes

    HANDLERS[TYPE].update(
        create=created, update=updated, delete=lambda physical_id, props: delete(_name(physical_id), props)
    )


def _name(arn):
    """The emulator keeps secrets by their names."""
    return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)
