from ministack.services import dynamodb

from .cloudformation import HANDLERS, TRIAL, after_create_and_update, answer, true

TYPE = "AWS::DynamoDB::GlobalTable"
GAP = (
    "services/cloudformation/provisioners.py:2297 makes the table without its time to live and without the point-in-time "
    "recovery of its replica: items never expire, and no check could tell whether the template asks for either."
)


def is_there():
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
    props = {
        "TableName": TRIAL,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": keys,
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
        "Replicas": [{"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}],
    }
    name, _ = HANDLERS[TYPE]["create"](TRIAL, props, TRIAL)
    try:
        live = answer(dynamodb._describe_ttl({"TableName": name}))["TimeToLiveDescription"]["TimeToLiveStatus"]
        return live != "ENABLED"
    finally:
        HANDLERS[TYPE]["delete"](name, props)


def fill():
    after_create_and_update(TYPE, _settings)


def _settings(name, props):
    live = props.get("TimeToLiveSpecification") or {}
    if true(live.get("Enabled")):
        wanted = {"Enabled": True, "AttributeName": live["AttributeName"]}
        answer(dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": wanted}))
    for replica in props.get("Replicas") or []:
        recovery = replica.get("PointInTimeRecoverySpecification") or {}
        enabled = {"PointInTimeRecoveryEnabled": true(recovery.get("PointInTimeRecoveryEnabled"))}
        answer(
            dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": enabled})
        )
