"""Identity by derivation: the same inputs give the same names, so that doing something twice changes nothing."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from rules.codec import to_plain
from rules.messages import EarlierStudy, InstanceFile, ResultState

_UID_ROOT = "2.25."
"""UUID-derived UIDs (PS3.5 B.2): no registered root is needed."""


def digest_of(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, hexadecimal. Takes dataclasses, enums, dates and plain data."""
    text = json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def input_digest(instances: Iterable[InstanceFile]) -> str:
    """Digest of what was received: independent of order, path and time."""
    return digest_of(sorted((instance.sop_instance_uid, instance.sha256) for instance in instances))


def whole_inputs(inputs: str, earlier: EarlierStudy | None, state: ResultState) -> str:
    """Digest of everything that a result is made from but its context.

    inputs : `input_digest` of the study's own objects. A provisional result has an identity of its own, also where nothing follows it.
    """
    if earlier is not None:
        inputs = digest_of([inputs, input_digest(earlier.instances)])
    return digest_of([inputs, state]) if state is ResultState.PROVISIONAL else inputs


def job_id(study_instance_uid: str, inputs: str, context: str, policy: str) -> str:
    """Identity of a result: digest of study, inputs, context and policy."""
    return digest_of([study_instance_uid, inputs, context, policy])


def derived_uid(parts: Mapping[str, str]) -> str:
    """A DICOM UID derived from named parts (PS3.5 B.2, at most 39 + 5 characters).

    The 128 bits carry the version and variant of an RFC 9562 version 8 UUID (vendor-specific), as B.2 asks for a UUID.

    >>> derived_uid({"job": "a", "kind": "SR"}) == derived_uid({"kind": "SR", "job": "a"})
    True
    """
    bits = int(digest_of(dict(parts))[:32], 16)
    bits = bits & ~(0xF << 76) | (0x8 << 76)
    bits = bits & ~(0x3 << 62) | (0x2 << 62)
    return f"{_UID_ROOT}{bits}"
