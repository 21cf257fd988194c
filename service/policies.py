"""Every policy that was ever in force, whole, under its digest: so that a decision can be made again years later."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

from rules.codec import MessageError, from_plain, to_plain
from rules.identity import digest_of
from rules.policy import Policy
from service.errors import ServiceError

_DIGEST = re.compile(r"[0-9a-f]{64}")


class KeptPolicyError(ServiceError):
    """A policy cannot be kept, or is not what was kept."""


def keep_policy(policy: Policy, folder: Path) -> None:
    """Write a policy down, durably; one that is kept already stays as it is.

    Raises KeptPolicyError.
    """
    path = folder / f"{policy.digest}.json"
    if path.exists():
        return
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(to_plain(policy), file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise KeptPolicyError(f"{path.name}: {error.strerror}") from error


def kept_policy(digest: str, folder: Path) -> Policy | None:
    """The policy of that digest; None if it is not kept.

    Raises KeptPolicyError if the file was changed, or another version of the software wrote it and this one cannot read it.
    """
    if not _DIGEST.fullmatch(digest):
        return None
    path = folder / f"{digest}.json"
    try:
        policy: Policy = from_plain(Policy, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, MessageError) as error:
        raise KeptPolicyError(f"{path.name} cannot be read by this version") from error
    if digest_of(replace(policy, digest="")) != digest:
        raise KeptPolicyError(f"{path.name} is not the policy of its digest")
    return policy
