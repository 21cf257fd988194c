"""A stored analysis made again by the workers from the image files, in a process of its own, and compared with what was stored."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping

from sqlalchemy import select

from rules.again import AnalyseAgain
from rules.codec import MessageError, from_plain, to_plain
from rules.messages import InstanceFile, StudyReady, StudyTriaged
from rules.replay import differences, measured_differences
from service.errors import ForeignPathError, ServiceError
from service.processes import has_workers
from service.replay import Analysed, Policies
from service.store.files import FileStore
from service.store.session import Store
from service.store.tables import Job

_COMMAND = (sys.executable, "-m", "workers.again")
_LIMIT_S = 1800.0
"""A whole study takes about a minute of one core; this is for a machine that is busy with others."""


class NotAnalysedError(ServiceError):
    """The images were not analysed again."""


def analyse_again(store: Store, job_id: str, policies: Policies, files: FileStore) -> Analysed:
    """Analyse the images of a stored result once more, by the policy that it was made by. Nothing is locked and nothing written.

    Raises NotAnalysedError: workers are not installed, policy or files are gone or changed, or the analysis does not answer.
    """
    if not has_workers():
        raise NotAnalysedError("the workers' extra is not installed on this machine")
    with store.reading() as session:
        job = session.scalars(select(Job).where(Job.job_id == job_id)).one()
        ready, stored = from_plain(StudyReady, job.ready), from_plain(StudyTriaged, job.triaged)
    policy = policies.of(ready.policy_digest)
    if policy is None:
        raise NotAnalysedError("its policy is neither installed nor kept")
    if not ready.is_analysis_allowed or stored.failure:
        raise NotAnalysedError("this result was made without an analysis of the images")
    wrong = tuple(_wrong(ready, files))
    if wrong:
        raise NotAnalysedError(f"{len(wrong)} image files are not those that were analysed: {wrong[0]}")
    again = _answer(AnalyseAgain(ready, policy, str(files.root.resolve())))
    return Analysed(
        differences=(*measured_differences(stored, again), *differences(stored.decision, again.decision)),
        findings=len(stored.findings),
        versions=again.versions,
        changed=tuple(_changed(stored.versions, again.versions)),
    )


def _wrong(ready: StudyReady, files: FileStore) -> Iterator[str]:
    """Files that are gone or have other bytes than then, by SOP Instance UID."""
    earlier = ready.earlier.instances if ready.earlier else ()
    for one in (*ready.instances, *earlier):
        try:
            if _digest(one, files) != one.sha256:
                yield f"{one.sop_instance_uid} has other bytes"
        except (OSError, ForeignPathError):
            yield f"{one.sop_instance_uid} is gone"


def _digest(one: InstanceFile, files: FileStore) -> str:
    with files.resolve(one.path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _answer(asked: AnalyseAgain) -> StudyTriaged:
    message = json.dumps(to_plain(asked))
    try:
        done = subprocess.run(
            _COMMAND, input=message, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotAnalysedError(f"no answer within {_LIMIT_S:.0f} s") from error
    try:
        answer: StudyTriaged = from_plain(StudyTriaged, json.loads(done.stdout))
    except (ValueError, MessageError) as error:
        said = done.stderr.strip().splitlines()
        raise NotAnalysedError(said[-1] if said else f"exit status {done.returncode}") from error
    return answer


def _changed(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            yield f"{name} {then.get(name, 'unknown')}, now {now.get(name, 'unknown')}"
