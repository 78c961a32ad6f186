"""What MiniStack 1.5.33 lacks of what the stack needs, one patch a file.

A patch has `GAP` (what is missing, where, and what follows), `is_there()` (tries it on the unpatched emulator: true while
it is missing) and `fill()`. The launcher fills every gap that is there, and refuses to start when one is not: a newer release
has filled it, and the file can go. Each patch calls the emulator's own functions where its CloudFormation forgets to.
"""

from importlib import import_module

NAMES = [
    "event_archive",
    "table_settings",
    "bucket_lifecycle",
    "bucket_tags",
    "request_validator",
    "metric_math_alarm",
    "recursive_loop",
    "secret_ref",
    "message_group",
    "path_of_the_api",
    "addresses_of_apis",
    "socket_handshake",
    "socket_authorizer",
    "socket_binary_frames",
    "streaming_invocations",
    "running_functions",
    "custom_resource_failure",
    "loopback_is_secure",
    "batch_actions",
]

PATCHES = [import_module(f"patches.{name}") for name in NAMES]
