"""Object storage to test against: a local double of S3 that speaks its protocol over HTTP."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

BUCKET = "persona-assets"


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """A running double with one bucket.

    Attributes:
        host: with its port.
        client: boto3's client of it.
        environment: the variables by which every tool finds it.
    """

    host: str
    client: Any
    environment: dict[str, str]

    def list_keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def read(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body


@cache
def _start() -> str:
    """Start the double, one for all tests of a process: clients keep their connections, and would look for the last."""
    module = pytest.importorskip("moto.server")
    server = module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    return "{}:{}".format(*server.get_host_and_port())


@contextmanager
def open_object_storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStorage]:
    """Give an empty double, and set the environment so that it is found."""
    host = _start()
    import boto3

    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=f"http://{host}", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    try:
        yield ObjectStorage(host, client, environment)
    finally:
        urllib.request.urlopen(urllib.request.Request(f"http://{host}/moto-api/reset", method="POST")).close()
