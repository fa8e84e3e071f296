"""Servers on loopback: nothing here leaves the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class S3:
    """A bucket, what was asked of its server, and a switch for failures."""

    bucket = "data"

    def __init__(self, port: int, folder: Path) -> None:
        import boto3

        self.endpoint = f"http://127.0.0.1:{port}"
        self.log, self.cut = folder / "log", folder / "cut"
        self.client: Any = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id="nobody", aws_secret_access_key="nothing",
        )  # fmt: skip
        self.client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, content: bytes) -> str:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def get(self, key: str) -> bytes:
        found: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return found

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def unfinished(self) -> list[Any]:
        return list(self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))

    def clear(self) -> None:
        for key in self.keys():
            self.client.delete_object(Bucket=self.bucket, Key=key)
        self.log.write_text("")
        self.cut.unlink(missing_ok=True)

    def sent(self) -> int:
        """Bytes of objects that the server has sent."""
        lines = [line.split(" ") for line in self.log.read_text().splitlines()]
        return sum(int(line[-1]) for line in lines if line[0] == "GET")


ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    pytest.importorskip("moto", reason="there is no moto[server] for an S3 server")
    pytest.importorskip("flask", reason="there is no moto[server] for an S3 server")
    folder = tmp_path_factory.mktemp("s3")
    environment = {**os.environ, **ENVIRONMENT}
    code = Path(__file__).with_name("s3_server.py")
    with subprocess.Popen(
        [sys.executable, str(code), str(folder / "log"), str(folder / "cut")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield S3(int(process.stdout.readline()), folder)
        finally:
            process.kill()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    s3_server.clear()
    return s3_server
