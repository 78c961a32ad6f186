from ministack.services.cloudformation import provisioners

GAP = (
    "services/cloudformation/provisioners.py:10654 refuses an alarm on a formula (Metrics), and with it the stack. It is made "
    "with the name of its first metric in place of the formula: there, and never in alarm."
)


def is_there():
    try:
        _record(_formula())
    except Exception:
        return True
    return False


def fill():
    put = provisioners._cw_metric_alarm_put

    def with_formula(name, props):
        return put(name, _without_formula(props) if props.get("Metrics") else props)

    provisioners._cw_metric_alarm_put = with_formula


def _record(props):
    return provisioners._cw_metric_alarm_record("trial", props)


def _without_formula(props):
    first = next(each["MetricStat"] for each in props["Metrics"] if "MetricStat" in each)
    rest = {key: value for key, value in props.items() if key != "Metrics"}
    return {
        **rest,
        "Namespace": first["Metric"]["Namespace"],
        "MetricName": first["Metric"]["MetricName"],
        "Statistic": first["Stat"],
        "Period": first["Period"],
    }


def _formula():
    usage = {"Namespace": "AWS/Usage", "MetricName": "ResourceCount"}
    return {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "Metrics": [
            {"Id": "used", "MetricStat": {"Metric": usage, "Stat": "Maximum", "Period": 60}, "ReturnData": False},
            {"Id": "share", "Expression": "used / SERVICE_QUOTA(used)"},
        ],
    }
