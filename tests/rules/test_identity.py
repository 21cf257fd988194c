"""The derived names are what reports in archives are called: they may not change from one version to the next."""

import hashlib
from uuid import UUID

from rules.anatomy import Role
from rules.findings import Side
from rules.identity import derived_uid, digest_of, input_digest, job_id, whole_inputs
from rules.messages import EarlierStudy, InstanceFile, ReportKind, ResultState
from rules.own import MANUFACTURER, is_own, series_uid_of


def instance(uid: str, content: str, path: str = "a.dcm") -> InstanceFile:
    return InstanceFile(uid, "1.2", "1.2.840.10008.5.1.4.1.1.4", path, content)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_digest_is_that_of_the_canonical_json():
    assert digest_of({"b": 1, "a": Side.LEFT, "ü": [None]}) == sha('{"a":"left","b":1,"ü":[null]}')


def test_the_inputs_are_told_by_name_and_content_alone():
    first, second = instance("1.1", "aa"), instance("1.2", "bb")
    assert input_digest([second, first]) == sha('[["1.1","aa"],["1.2","bb"]]')
    assert input_digest([instance("1.1", "aa", "elsewhere.dcm"), second]) == input_digest([first, second])
    assert input_digest([first]) != input_digest([instance("1.1", "ab")])


def test_a_job_is_told_by_all_that_it_depends_on():
    assert job_id("1.2", "inputs", "context", "policy") == sha('["1.2","inputs","context","policy"]')


def test_a_derived_uid_is_a_uuid_of_version_8_of_the_digest():
    for job in "abcdefgh":
        uid = derived_uid({"kind": "SR", "job": job})
        digest = int(sha(f'{{"job":"{job}","kind":"SR"}}')[:32], 16)
        assert uid.startswith("2.25.")
        name = UUID(int=int(uid.removeprefix("2.25.")))
        assert (name.version, name.variant) == (8, "specified in RFC 4122")
        kept = ~(0xF << 76 | 0x3 << 62)
        assert name.int & kept == digest & kept


def test_our_series_are_derived_from_study_and_kind_and_known_again():
    for kind in ReportKind:
        series = series_uid_of("1.2.3", kind)
        assert series == derived_uid({"study": "1.2.3", "kind": kind.value})
        assert is_own("1.2.3", series)
        assert not is_own("1.2.4", series)
    assert is_own("1.2.3", "1.2.3.4", f" {MANUFACTURER.upper()} ")
    assert not is_own("1.2.3", "1.2.3.4")


def test_all_that_a_result_is_made_from_has_one_digest():
    earlier = EarlierStudy("1.9", (instance("1.1", "aa"),))
    compared = sha(f'["own","{input_digest(earlier.instances)}"]')
    assert whole_inputs("own", None, ResultState.CONFIRMED) == "own"
    assert whole_inputs("own", None, ResultState.CORRECTED) == "own"
    assert whole_inputs("own", earlier, ResultState.CONFIRMED) == compared
    assert whole_inputs("own", None, ResultState.PROVISIONAL) == sha('["own","provisional"]')
    assert whole_inputs("own", earlier, ResultState.PROVISIONAL) == sha(f'["{compared}","provisional"]')


def test_segmentations_of_one_source_series_have_a_series_of_their_own():
    parts = {"study": "1.2.3", "kind": "SEG", "source": "DWI"}
    assert series_uid_of("1.2.3", ReportKind.SEG, Role.DWI) == derived_uid(parts)
