"""Calls an API as who runs this, and prints a list of [status, details] as JSON.

Run: call_as.py TARGET SERVICE '[["Method", {"Field": 1}], …]'"""

import json
import sys

import grpc
import reflection


def main(target, service, calls):
    channel = reflection.open_channel(target)
    asked = reflection.Service(channel, service)
    outcomes = []
    for method, fields in json.loads(calls):
        try:
            answer = getattr(asked, method)(**fields)
            outcomes.append(["OK", str(answer)])
        except grpc.RpcError as error:
            outcomes.append([error.code().name, error.details()])
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
