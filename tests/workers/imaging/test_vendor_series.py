"""Whole series as vendors write them: tiled slices, maps among traces, echoes and phases together, sagittal 3D, functional groups.

Headers by hand, after conformance statements and published headers; the name is a weak witness, and a wrong role worse than none.
"""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage

from rules.anatomy import Confidence, Role
from rules.findings import Why
from tests.workers.imaging.phantoms import DWI, SAGITTAL, Phantom, one, store, with_attributes
from tests.workers.imaging.test_roles import FLAIRS, NOT_FLAIRS, OTHERS, mr
from workers.errors import CannotAssess
from workers.imaging.roles import role_of
from workers.imaging.series import choose, read_study
from workers.imaging.stack import stack_of


def images(phantom: Phantom, uid: str, kinds: str, **attributes) -> list[Dataset]:
    """The slices of a phantom, with other SOP Instance UIDs and another Image Type."""
    found = phantom.slices()
    for ds in found:
        ds.ImageType = kinds.split("\\")
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ds.SOPInstanceUID}.{uid}"
        with_attributes(ds, attributes)
    return found


def kept(headers, role):
    """What is read of a series: Image Type, b value and echo time of its frames."""
    stack = stack_of([Path(f"{n}") for n in range(len(headers))], headers, role)
    return {(frozenset(one.kinds), one.b_value, one.echo_ms) for one in stack.frames}, len(stack.frames)


def test_a_mosaic_is_not_read_as_one_slice():
    ds = mr(
        "EP", 89, 6000, kinds="ORIGINAL\\PRIMARY\\DIFFUSION\\NONE\\ND\\NORM\\MOSAIC", name="ep2d_diff_b1000"
    )
    ds.add_new((0x0019, 0x100C), "IS", 1000)
    assert role_of([ds])[:2] == (Role.OTHER, "slices tiled in one image (mosaic)")


def test_of_traces_with_their_map_in_one_series_the_traces_are_read():
    phantom = Phantom(attributes=DWI)
    plain = images(phantom, "1", "ORIGINAL\\PRIMARY\\DIFFUSION\\NONE", DiffusionBValue=0.0)
    trace = images(phantom, "2", "DERIVED\\PRIMARY\\DIFFUSION\\TRACEW", DiffusionBValue=1000.0)
    adc = images(phantom, "3", "DERIVED\\PRIMARY\\DIFFUSION\\ADC", DiffusionBValue=1000.0)
    series = plain + trace + adc
    role, evidence, confidence = role_of(series)
    assert (role, confidence) == (Role.DWI, Confidence.HIGH)
    assert "with ADC images among them" in evidence
    found, count = kept(series, role)
    assert count == 10
    assert found == {(frozenset({"DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"}), 1000.0, 89.0)}


def test_a_map_among_images_of_which_nothing_is_told_is_nobodys():
    adc = mr("EP", 89, 6000, kinds="DERIVED\\PRIMARY\\DIFFUSION\\ADC")
    other = mr("EP", 89, 6000, kinds="DERIVED\\PRIMARY\\DIFFUSION\\TRACEW")
    assert role_of([adc, other])[0] is Role.UNKNOWN


def test_of_magnitudes_phases_and_projections_of_several_echoes_one_echos_magnitudes_are_read():
    phantom = Phantom(attributes={"ScanningSequence": "GR", "RepetitionTime": 50})
    series = []
    for number, echo in enumerate((7.5, 15.0, 22.5, 30.0), 1):
        series += images(phantom, f"{number}1", "ORIGINAL\\PRIMARY\\M\\SWI\\NORM", EchoTime=echo)
        series += images(phantom, f"{number}2", "ORIGINAL\\PRIMARY\\P\\SWI\\NORM", EchoTime=echo)
    series += images(phantom, "91", "DERIVED\\PRIMARY\\MNIP\\SWI", EchoTime=22.5)
    role, _, confidence = role_of(series)
    assert (role, confidence) == (Role.SWI, Confidence.HIGH)
    found, count = kept(series, role)
    assert found == {(frozenset({"ORIGINAL", "PRIMARY", "M", "SWI", "NORM"}), None, 22.5)}
    assert count == 10


def test_several_echoes_that_no_attribute_explains_stay_unknown():
    assert role_of([mr("GR", te, 50, name="multi echo") for te in (5, 10, 15, 20)])[0] is Role.UNKNOWN


SAGITTAL_3D = {
    "Siemens SPACE FLAIR": (
        mr("SE\\IR", 388, 5000, 1800, name="t2_space_dark-fluid_sag_p2_iso", MRAcquisitionType="3D"),
        Role.FLAIR,
    ),
    "Siemens MPRAGE": (
        mr("GR\\IR", 2.26, 2300, 900, name="t1_mprage_sag_p2_iso", SequenceVariant="MP"),
        Role.T1,
    ),
    "Siemens SPACE T2": (mr("SE", 408, 3200, name="t2_space_sag_p4_iso", MRAcquisitionType="3D"), Role.T2),
    "GE CUBE FLAIR": (
        mr("SE\\IR", 113, 7602, 2120, name="Sag CUBE T2 FLAIR", ScanOptions=["CUBE"]),
        Role.FLAIR,
    ),
    "GE BRAVO": (mr("GR\\IR", 3.1, 8.4, 450, name="Sag T1 BRAVO", MRAcquisitionType="3D"), Role.T1),
    "GE CUBE T2": (mr("SE", 90, 2500, name="Sag CUBE T2", MRAcquisitionType="3D"), Role.T2),
    "Philips VISTA FLAIR": (
        mr("IR", 300, 4800, 1660, "ORIGINAL\\PRIMARY\\M_IR\\M\\IR", "FLAIR_3D_VISTA_sag"),
        Role.FLAIR,
    ),
    "Philips TFE": (mr("GR", 3.7, 8.1, name="3D_T1_TFE_sag", SequenceVariant="MP"), Role.T1),
    "Canon FLAIR": (mr("SE\\IR", 345, 6000, 2000, name="SAG 3D FLAIR mVox"), Role.FLAIR),
}


@pytest.mark.parametrize(("ds", "role"), SAGITTAL_3D.values(), ids=SAGITTAL_3D.keys())
def test_a_sagittal_volume_has_its_role_in_every_vendors_style(ds, role):
    assert role_of([ds])[0] is role


def test_a_sagittal_volume_is_taken_before_thick_axial_slices(tmp_path):
    fine = Phantom(uid="1.2.3.5", orientation=SAGITTAL, spacing=(1.0, 1.0), step_mm=1.0, shape=(110, 8, 6))
    thick = Phantom(uid="1.2.3.6", step_mm=6.0, shape=(18, 8, 6))
    files = [file for phantom in (fine, thick) for file in store(phantom.slices(), tmp_path)]
    assert choose(read_study(files, tmp_path)[0], Role.FLAIR).series_instance_uid == "1.2.3.5"


def enhanced(*frames: dict, pulse="SPIN", contrast="", echo=89.0, **attributes) -> Dataset:
    """An enhanced object; of each frame its Frame Type and, for diffusion, its b value and directionality."""
    ds = mr(kinds="ORIGINAL\\PRIMARY\\M\\NONE", SOPClassUID=EnhancedMRImageStorage, EchoPulseSequence=pulse)
    if contrast:
        ds.AcquisitionContrast = contrast
    shared = Dataset()
    shared.MREchoSequence = one(EffectiveEchoTime=echo)
    shared.MRTimingAndRelatedParametersSequence = one(RepetitionTime=attributes.pop("tr", 6000))
    if "ti" in attributes:
        shared.MRModifierSequence = one(InversionRecovery="YES", InversionTimes=[attributes.pop("ti")])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([_frame(**frame) for frame in frames])
    ds.NumberOfFrames = len(frames)
    return with_attributes(ds, attributes)


def _frame(kind="ORIGINAL\\PRIMARY\\M\\NONE", b=None) -> Dataset:
    frame = Dataset()
    frame.MRImageFrameTypeSequence = one(FrameType=kind.split("\\"))
    if b is not None:
        frame.MRDiffusionSequence = one(
            DiffusionBValue=float(b), DiffusionDirectionality="ISOTROPIC" if b else "NONE"
        )
    return frame


_TRACE = {"kind": "DERIVED\\PRIMARY\\DIFFUSION\\NONE", "b": 1000}
_PLAIN = {"kind": "ORIGINAL\\PRIMARY\\DIFFUSION\\NONE", "b": 0}
_MAP = {"kind": "DERIVED\\PRIMARY\\DIFFUSION\\ADC"}
ENHANCED = {
    "diffusion of two weightings": (enhanced(_PLAIN, _TRACE, EchoPlanarPulseSequence="YES"), Role.DWI),
    "diffusion with its map": (enhanced(_PLAIN, _TRACE, _MAP, EchoPlanarPulseSequence="YES"), Role.DWI),
    "a map alone": (enhanced(_MAP, _MAP, EchoPlanarPulseSequence="YES"), Role.ADC),
    "unweighted diffusion": (enhanced(_PLAIN, _PLAIN, contrast="DIFFUSION"), Role.B0),
    "FLAIR": (enhanced({}, {}, contrast="FLUID_ATTENUATED", echo=120.0, tr=9000, ti=2500.0), Role.FLAIR),
    "T2": (enhanced({}, {}, contrast="T2", echo=100.0, tr=5000), Role.T2),
    "T1 spin echo": (enhanced({}, {}, contrast="T1", echo=10.0, tr=550), Role.T1),
    "T1 after contrast": (
        enhanced({}, {}, echo=10.0, tr=550, ContrastBolusAgentSequence=one(CodeMeaning="Gadoterate")),
        Role.T1C,
    ),
    "T2*": (enhanced({}, {}, pulse="GRADIENT", contrast="T2_STAR", echo=25.0, tr=700), Role.SWI),
    "angiography": (enhanced({}, {}, pulse="GRADIENT", contrast="TOF", echo=3.4, tr=21), Role.OTHER),
    "perfusion": (enhanced({}, {}, pulse="GRADIENT", contrast="PERFUSION", echo=30.0, tr=1600), Role.OTHER),
}


@pytest.mark.parametrize(("ds", "role"), ENHANCED.values(), ids=ENHANCED.keys())
def test_functional_groups_tell_the_role_of_an_enhanced_object(ds, role):
    assert role_of([ds])[0] is role


GRADES = {
    "sequence alone": (mr("SE\\IR", 120, 9000, 2500), Confidence.HIGH),
    "sequence and a name that agrees": (
        mr("SE\\IR", 120, 9000, 2500, name="t2_tirm_dark-fluid"),
        Confidence.HIGH,
    ),
    "sequence against its name": (mr("SE\\IR", 120, 9000, 2500, name="T1 MPRAGE"), Confidence.MEDIUM),
    "name needed beside the times": (mr("SE", 120, 9000, name="AXFLAIR"), Confidence.MEDIUM),
    "contrast known by name": (mr("SE", 9, 550, name="t1 post gd"), Confidence.MEDIUM),
    "nothing but a name": (mr(name="FLAIR"), Confidence.LOW),
    "no role": (mr(), Confidence.NONE),
}


@pytest.mark.parametrize(("ds", "grade"), GRADES.values(), ids=GRADES.keys())
def test_how_sure_a_role_is_stands_beside_it(ds, grade):
    assert role_of([ds]).confidence is grade


def test_a_name_that_contradicts_is_told():
    evidence = role_of([mr("SE\\IR", 120, 9000, 2500, name="T1 MPRAGE")]).evidence
    assert evidence == "inversion recovery, TI 2500 ms, TE 120 ms, TR 9000 ms, although named as T1"


def test_a_series_known_by_its_name_alone_gives_way_to_one_known_by_its_sequence(tmp_path):
    named = Phantom(uid="1.2.3.9", attributes={"SeriesDescription": "FLAIR"})
    known = Phantom(uid="1.2.3.1")
    files = [file for phantom in (named, known) for file in store(phantom.slices(), tmp_path)]
    found = read_study(files, tmp_path)[0]
    assert [one.confidence for one in found] == [Confidence.HIGH, Confidence.LOW]
    assert choose(found, Role.FLAIR).series_instance_uid == "1.2.3.1"


_MEASURED = {Role.FLAIR, Role.T1, Role.T1C, Role.T2, Role.DWI, Role.ADC, Role.SWI}
_NAMES = ("FLAIR", "t1_mprage", "T2 TSE", "DWI", "ADC", "SWI", "T1 POST", "T2 FLAIR")
_TOLD = {
    name: ds
    for name, ds in {
        **FLAIRS,
        **{name: pair[0] for name, pair in (NOT_FLAIRS | OTHERS | SAGITTAL_3D).items()},
    }.items()
    if role_of([ds]).confidence is Confidence.HIGH and role_of([ds]).role in _MEASURED
}


@pytest.mark.parametrize("ds", _TOLD.values(), ids=_TOLD.keys())
def test_no_name_makes_another_measured_role_of_a_series_whose_sequence_is_told(ds):
    """It may cost the role, or tell of contrast; it never gives a wrong one."""
    role = role_of([ds]).role
    for name in _NAMES:
        renamed = with_attributes(Dataset(), {"SeriesDescription": name})
        renamed = Dataset({**ds, **renamed})
        found = role_of([renamed]).role
        same = {role, Role.T1C} if role is Role.T1 else {role}
        assert found in same or found not in _MEASURED, name


def test_a_series_of_two_weightings_without_positions_is_refused_and_not_guessed():
    phantom = Phantom(attributes=DWI)
    series = images(phantom, "1", "ORIGINAL\\PRIMARY\\DIFFUSION", DiffusionBValue=1000.0)
    series += images(phantom, "2", "ORIGINAL\\PRIMARY\\DIFFUSION", DiffusionBValue=1000.0)
    with pytest.raises(CannotAssess) as caught:
        kept(series, Role.DWI)
    assert caught.value.why is Why.GEOMETRY
