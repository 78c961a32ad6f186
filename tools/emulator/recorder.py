"""Writes down what functions do: a line of JSON for each call of AWS by a function's role, and for each invocation.

    {"kind":"call","time":ms,"role":ARN,"action":"dynamodb:PutItem","resource":ARN,"allowed":true,
     "requestBytes":n,"responseBytes":n,"body":…,"error":"ConditionalCheckFailedException"}
    {"kind":"invocation","time":ms,"function":NAME,"role":ARN,"durationMs":n,"cpuMs":n,"initMs":n,"cold":bool,"records":n,"logBytes":n,
     "metrics":["NAMESPACE NAME dimension=value …"]}

Whether a call was allowed is what the emulator's own IAM said. `body` is the request, where it is JSON. `cpuMs` is the time that
the function had a processor, which other functions on the same machine do not lengthen; 0 where the system does not tell.
"""

import contextvars
import glob
import json
import threading
import time

from ministack import app as gateway
from ministack.core import iam_evaluator, lambda_runtime

_checks = contextvars.ContextVar("checks", default=None)
_lock = threading.Lock()


def start(path):
    """Records from now on, into the file at `path`."""
    file = open(path, "a", buffering=1, encoding="utf8")

    def write(record):
        with _lock:
            file.write(json.dumps(record, separators=(",", ":")) + "\n")

    _record_checks()
    _record_calls(write)
    _record_invocations(write)


def _record_checks():
    enforce = iam_evaluator.enforce

    def checked(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        denied = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        found = _checks.get()
        if found is not None:
            found.append((iam_action, resource_arn, denied is None))
        return denied

    iam_evaluator.enforce = checked


def _record_calls(write):
    serve = gateway.app

    async def recorded(scope, receive, send):
        role = _role_of(scope)
        if role is None:
            return await serve(scope, receive, send)
        checks = []
        token = _checks.set(checks)
        request, response, status = bytearray(), bytearray(), {}

        async def taking():
            message = await receive()
            request.extend(message.get("body", b""))
            return message

        async def giving(message):
            status.setdefault("code", message.get("status"))
            response.extend(message.get("body", b""))
            await send(message)

        begun = time.time()
        try:
            await serve(scope, taking, giving)
        finally:
            _checks.reset(token)
            call = {
                "kind": "call",
                "time": round(begun * 1000),
                "role": role,
                "requestBytes": len(request),
                "responseBytes": len(response),
                **_body(request),
                **_error(status.get("code"), response),
            }
            # What the emulator knows no action for, it lets through unchecked: nobody has allowed it.
            for action, resource, allowed in dict.fromkeys(checks) or [(_unknown(scope), "*", False)]:
                write({**call, "action": action, "resource": resource, "allowed": allowed})

    gateway.app = recorded


def _unknown(scope):
    target = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-amz-target"), None)
    return f"unchecked:{target or scope['method'] + ' ' + scope['path']}"


def _role_of(scope):
    """The role of a function that signed this request; None for anybody else."""
    if scope["type"] != "http":
        return None
    for name, value in scope["headers"]:
        if name.lower() == b"authorization":
            key = value.decode("latin-1").partition("Credential=")[2].partition("/")[0]
            return _roles.get(key)
    return None


_roles = {}


def _record_invocations(write):
    credentials = lambda_runtime.execution_credentials

    def known(config):
        made = credentials(config)
        _roles[made["AWS_ACCESS_KEY_ID"]] = config.get("Role", "")
        return made

    lambda_runtime.execution_credentials = known
    worker = lambda_runtime.Worker
    spawn, invoke, drain = worker._spawn, worker.invoke, worker._drain_stderr_bounded

    def timed_spawn(self):
        begun = time.perf_counter()
        spawn(self)
        self.init_ms = (time.perf_counter() - begun) * 1000

    def timed_drain(self, *args, **kwargs):
        # The emulator waits for more of the log: no part of what AWS would bill.
        self.answered = time.perf_counter()
        return drain(self, *args, **kwargs)

    def timed_invoke(self, event, request_id, **more):
        self.init_ms, self.answered = 0, None
        at, begun = time.time(), time.perf_counter()
        before = _cpu_ms(self)
        response = invoke(self, event, request_id, **more)
        # In a new process, what came before the call is in it, too.
        cpu_ms = _cpu_ms(self) - before
        ended = self.answered or time.perf_counter()
        records = event.get("Records") if isinstance(event, dict) else None
        write(
            {
                "kind": "invocation",
                "time": round(at * 1000),
                "function": self.func_name,
                "role": self.config.get("Role", ""),
                "durationMs": round((ended - begun) * 1000 - self.init_ms, 3),
                "cpuMs": round(max(0, cpu_ms), 3),
                "initMs": round(self.init_ms, 3),
                "cold": bool(response.get("cold_start")),
                "records": len(records) if isinstance(records, list) else 0,
                "logBytes": len((response.get("log") or "").encode()),
                "metrics": _metrics(response.get("log") or ""),
                **({"error": response.get("error")} if response.get("status") == "error" else {}),
            }
        )
        return response

    worker._spawn, worker.invoke, worker._drain_stderr_bounded = timed_spawn, timed_invoke, timed_drain


def _cpu_ms(worker):
    """What the threads of a function's process have had of the processors, by the first figure of Linux's schedstat."""
    if worker._proc is None:
        return 0
    total = 0
    for file in glob.glob(f"/proc/{worker._proc.pid}/task/*/schedstat"):
        try:
            with open(file, encoding="ascii") as stat:
                total += int(stat.read().split()[0])
        except OSError:
            pass
    return total / 1e6


def _metrics(log):
    """What a function measured, in the embedded metric format: each metric with its dimensions."""
    found = set()
    for line in log.splitlines():
        if '"_aws"' not in line:
            continue
        try:
            values = json.loads(line[line.index("{"):])
        except ValueError:
            continue
        for directive in values["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                where = " ".join(f"{name}={values.get(name)}" for name in sorted(dimensions))
                found.update(f"{directive['Namespace']} {metric['Name']} {where}" for metric in directive["Metrics"])
    return sorted(found)


def _body(request):
    try:
        return {"body": json.loads(request)}
    except ValueError:
        return {}


def _error(code, response):
    if code is None or code < 400:
        return {}
    try:
        name = json.loads(bytes(response)).get("__type", "")
        return {"error": name.rpartition("#")[2] or str(code)}
    except ValueError:
        return {"error": str(code)}
