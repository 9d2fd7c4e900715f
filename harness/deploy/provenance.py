"""States how the files of a release were built: an in-toto statement with SLSA provenance, signed (DSSE) if there is a key.

The reader of the statement decides whether it trusts the builder that it names. Without DIST_BUILDER that is a machine for which nobody
vouches; a CI system has an id of its own, and better a service that attests (harness/deploy/github-release.yml).
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import subprocess
from datetime import datetime, timezone

from google.protobuf.json_format import MessageToDict
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

PREDICATE = "https://slsa.dev/provenance/v1"
PAYLOAD = "application/vnd.in-toto+json"


def said_by(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def sha256(path: pathlib.Path) -> dict[str, str]:
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def source() -> dict:
    """The commit, and where it can be had if the clone says that."""
    found = {"name": "source", "digest": {"gitCommit": said_by("git", "rev-parse", "HEAD")}}
    remote = subprocess.run(["git", "remote", "get-url", "origin"], capture_output=True, text=True).stdout.strip()
    # A remote may also be a folder of this machine, or hold a password.
    if remote.startswith("https://") and "@" not in remote:
        found["uri"] = f"git+{remote}"
    return found


def tools() -> list[dict]:
    lines = pathlib.Path("harness/deploy/tools.txt").read_text().splitlines()
    crates = [line.split() for line in lines if not line.startswith("#")]
    return [{"name": name, "uri": f"pkg:cargo/{name}@{version}"} for name, version in crates]


def predicate(options: argparse.Namespace, version: str) -> dict:
    lock = pathlib.Path("Cargo.lock")
    return {
        "buildDefinition": {
            "buildType": f"pkg:cargo/amiproof@{version}#harness/deploy/dist.sh",
            "externalParameters": {"target": options.target, "profile": "dist"},
            "internalParameters": {
                "rustc": said_by("rustc", "--version"),
                "sourceDateEpoch": os.environ["SOURCE_DATE_EPOCH"],
                "uncommittedChanges": bool(said_by("git", "status", "--porcelain")),
            },
            "resolvedDependencies": [source(), {"name": "Cargo.lock", "digest": sha256(lock)}, *tools()],
        },
        "runDetails": {
            "builder": {"id": os.environ.get("DIST_BUILDER") or "pkg:generic/unattested-machine"},
            "metadata": {
                "startedOn": options.started,
                "finishedOn": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        },
    }


def envelope(payload: bytes, key: pathlib.Path) -> dict:
    """The payload in a DSSE envelope, as cosign and slsa-verifier read it."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner

    signer = CryptoSigner(load_pem_private_key(key.read_bytes(), password=None))
    signed = Envelope(payload, PAYLOAD, {})
    signature = signer.sign(signed.pae())
    return {
        "payloadType": PAYLOAD,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": signature.keyid, "sig": base64.b64encode(bytes.fromhex(signature.signature)).decode()}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="the files that are stated about")
    parser.add_argument("--name", required=True, help="what the statement's file is called, without its ending")
    parser.add_argument("--target", required=True)
    parser.add_argument("--started", required=True)
    parser.add_argument("--key", type=pathlib.Path, help="private key in PEM")
    options = parser.parse_args()

    version = options.name.split("-")[1]
    files = sorted(path for path in options.folder.iterdir() if path.is_file())
    subjects = [ResourceDescriptor(name=path.name, digest=sha256(path)).pb for path in files]
    statement = Statement(subjects, PREDICATE, predicate(options, version))
    statement.validate()
    document = MessageToDict(statement.pb)
    if options.key:
        document = envelope(json.dumps(document, sort_keys=True).encode(), options.key)
    written = options.folder / f"{options.name}.provenance.intoto.json"
    written.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
