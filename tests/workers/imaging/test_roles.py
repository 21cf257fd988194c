"""Header styles of the vendors as they are written by scanners, and near misses that must not become a FLAIR."""

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, MRImageStorage, SecondaryCaptureImageStorage

from rules.anatomy import Role
from tests.workers.imaging.phantoms import CORONAL, SAGITTAL, Phantom, decimals, one, with_attributes
from workers.imaging.roles import role_of


def mr(sequence="", te=None, tr=None, ti=None, kinds="ORIGINAL\\PRIMARY\\M", name="", **more) -> Dataset:
    ds = with_attributes(
        Dataset(), {"SOPClassUID": MRImageStorage, "Modality": "MR", "ImageType": kinds.split("\\")}
    )
    times = {"EchoTime": te, "RepetitionTime": tr, "InversionTime": ti, "SeriesDescription": name}
    if sequence:
        ds.ScanningSequence = sequence.split("\\")
    with_attributes(ds, {keyword: value for keyword, value in times.items() if value not in {None, ""}})
    return with_attributes(ds, more)


FLAIRS = {
    "Siemens 2D": mr(
        "SE\\IR", 81, 9000, 2500, name="t2_tirm_tra_dark-fluid_4mm", SequenceVariant=["SK", "SP", "MP"]
    ),
    "Siemens 3D SPACE": mr(
        "SE\\IR", 397, 5000, 1800, name="t2_space_dark-fluid_sag_p2", MRAcquisitionType="3D"
    ),
    "GE 2D": mr("SE\\IR", 117.5, 9002, 2250, name="Ax T2 FLAIR", ScanOptions=["FAST_GEMS", "FC"]),
    "Siemens Prisma E11": mr(
        "SE\\IR", 81, 8000, 2370, name="x", ScanOptions=["IR", "FS"], SequenceName="*tir2d1_16"
    ),
    "inversion in the scan options": mr("SE", 120, 9000, None, name="FLAIR", ScanOptions=["IR"]),
    "GE 3D CUBE": mr("SE\\IR", 119, 6302, 1862, name="Sag CUBE T2FLAIR FS", MRAcquisitionType="3D"),
    "Philips 2D": mr(
        "IR", 125, 11000, 2800, "ORIGINAL\\PRIMARY\\M_IR\\M\\IR", "FLAIR_longTR", DiffusionBValue=0.0
    ),
    # As in the headers published with the ISLES 2022 data (arXiv 2206.06694).
    "Philips 3D, ISLES": mr(
        "IR", 272.629, 4800, 1650, "ORIGINAL\\PRIMARY\\M_IR\\M\\IR", "x", DiffusionBValue=0.0
    ),
    "Philips 3D": mr("IR", 340, 4800, 1650, "ORIGINAL\\PRIMARY\\M_IR\\M\\IR", "3D Brain VIEW FLAIR SHC"),
    "low field": mr("SE\\IR", 100, 7500, 1500, name="tra"),
    "nameless": mr("SE\\IR", 100, 9000, 2500),
    "named as something else": mr("SE\\IR", 120, 9000, 2500, name="T1 MPRAGE"),
    "without echo time": mr("SE\\IR", None, 9000, 2500),
    "without inversion time": mr("SE\\IR", 120, 9000, None, name="Ax T2 FLAIR"),
    "without any inversion evidence": mr("SE", 120, 9000, None, name="AXFLAIR"),
    "older SPACE name": mr("SE", 388, 5000, None, name="t2_spc_da-fl_sag"),
    "only protocol named": mr("SE", 120, 9000, None, ProtocolName="t2_tirm_darkfluid"),
    "times missing": mr(name="FLAIR"),
    "times missing, spin echo": mr("SE", name="T2W_FLAIR"),
    "times missing, inversion recovery": mr("SE\\IR", name="flair_tra"),
    "echo time missing": mr("SE", None, 9000, name="FLAIR"),
    "converter's derived secondary": mr("SE\\IR", 120, 9000, 2500, "DERIVED\\SECONDARY"),
}


@pytest.mark.parametrize("ds", FLAIRS.values(), ids=FLAIRS.keys())
def test_a_flair_is_known_in_every_vendors_style(ds):
    assert role_of([ds])[0] is Role.FLAIR


NOT_FLAIRS = {
    "T1-FLAIR": (mr("SE\\IR", 24, 2000, 860, name="Ax T1 FLAIR"), Role.T1),
    "T1-FLAIR of GE without TI": (mr("SE\\IR", 24, 2500, None, name="AXT1FLAIR"), Role.UNKNOWN),
    "MPRAGE": (
        mr("GR\\IR", 2.98, 2300, 900, name="t1_mprage_sag_p2", SequenceVariant=["SK", "SP", "MP"]),
        Role.T1,
    ),
    "MPRAGE called FLAIR": (mr("GR\\IR", 2.98, 2300, 900, name="FLAIR"), Role.T1),
    "second image of MP2RAGE": (mr("GR\\IR", 2.9, 5000, 2500, name="t1_mp2rage_sag_INV2"), Role.UNKNOWN),
    "STIR": (mr("SE\\IR", 56, 4000, 220, name="cor STIR"), Role.OTHER),
    "STIR called FLAIR": (mr("SE\\IR", 80, 5000, 160, name="FLAIR"), Role.OTHER),
    "double inversion recovery": (mr("SE\\IR", 325, 7500, 3000, name="t2_spc_DIR_sag"), Role.OTHER),
    "long TI with a short TE": (mr("SE\\IR", 12, 9000, 2500, name="flair"), Role.UNKNOWN),
    "TI of neither": (mr("SE\\IR", 90, 5000, 700, name="x"), Role.UNKNOWN),
    "T2": (mr("SE", 100, 5000, name="t2_tse_tra"), Role.T2),
    "T2 called FLAIR with short TE": (mr("SE", 40, 5000, name="FLAIR"), Role.UNKNOWN),
    "T1 called T2-FLAIR": (mr("SE", 9, 550, name="T2 FLAIR"), Role.UNKNOWN),
    "inversion recovery nobody names": (mr("SE\\IR", 100, 6000, name="tirm_cor"), Role.UNKNOWN),
    "reformat": (mr("SE\\IR", 397, 5000, 1800, "DERIVED\\SECONDARY\\MPR\\NORM", "FLAIR MPR tra"), Role.OTHER),
    "GE reformat": (mr("SE\\IR", 119, 6302, 1862, "DERIVED\\SECONDARY\\REFORMATTED\\AVERAGE"), Role.OTHER),
    "reformat by name": (mr("SE\\IR", 397, 5000, 1800, "DERIVED\\PRIMARY", "Ax FLAIR MPR"), Role.OTHER),
    "subtraction": (mr("SE\\IR", 397, 5000, 1800, "DERIVED\\SECONDARY\\SUBTRACTION"), Role.OTHER),
    "phase image": (mr("IR", 120, 9000, 2500, "ORIGINAL\\PRIMARY\\PHASE MAP\\P\\IR"), Role.OTHER),
    "gradient echo without times called FLAIR": (mr("GR", name="FLAIR"), Role.UNKNOWN),
    "only called T1 FLAIR": (mr(name="T1 FLAIR"), Role.T1),
}


@pytest.mark.parametrize(("ds", "role"), NOT_FLAIRS.values(), ids=NOT_FLAIRS.keys())
def test_what_is_no_flair_does_not_become_one(ds, role):
    assert role_of([ds])[0] is role


OTHERS = {
    "T1 spin echo": (mr("SE", 9, 550, name="t1_se_tra"), Role.T1),
    "T1 SPACE": (mr("SE", 4.2, 700, name="t1_spc"), Role.T1),
    "T1 3D gradient": (mr("GR", 2.4, 6.3, name="Sag T1 BRAVO"), Role.T1),
    "T1 BRAVO of GE": (mr("GR", 3.2, 8.2, 450, name="Ax 3D BRAVO"), Role.T1),
    "T1 of Philips": (
        mr("GR", 3.7, 8.1, name="T1W_3D_TFE", SequenceVariant=["MP"], DiffusionBValue=0.0),
        Role.T1,
    ),
    "T1 after contrast": (mr("SE", 9, 550, name="t1_se_tra", ContrastBolusAgent="Gadovist"), Role.T1C),
    "T1 after contrast by name": (mr("SE", 9, 550, name="t1_se_tra +C"), Role.T1C),
    "T1 named post": (mr("GR\\IR", 3, 2300, 900, name="T1 POST"), Role.T1C),
    "T1 of the posterior fossa": (mr("SE", 9, 550, name="T1 post fossa"), Role.T1),
    "T1 without contrast by name": (mr("SE", 9, 550, name="t1 w/o contrast"), Role.T1),
    "T1 with agent NONE": (mr("SE", 9, 550, ContrastBolusAgent="NONE"), Role.T1),
    "T2 SPACE": (mr("SE", 408, 3200, name="t2_spc_sag"), Role.T2),
    "proton density": (mr("SE", 15, 3000, name="pd"), Role.OTHER),
    "DWI": (
        mr("EP", 89, 6000, kinds="ORIGINAL\\PRIMARY\\DIFFUSION\\TRACEW", DiffusionBValue=1000.0),
        Role.DWI,
    ),
    "b0": (mr("EP", 89, 6000, kinds="ORIGINAL\\PRIMARY\\DIFFUSION\\NONE", DiffusionBValue=0.0), Role.B0),
    "low b": (
        mr("EP\\SE", 89, 6000, kinds="ORIGINAL\\PRIMARY\\DIFFUSION", DiffusionBValue=200.0),
        Role.OTHER,
    ),
    "trace without b": (mr("EP", 89, 6000, kinds="DERIVED\\PRIMARY\\DIFFUSION\\TRACEW"), Role.DWI),
    "b in the sequence name": (mr("EP", 89, 6000, SequenceName="*ep_b1000t"), Role.DWI),
    "diffusion without b": (mr("EP", 89, 6000, kinds="ORIGINAL\\PRIMARY\\DIFFUSION\\NONE"), Role.UNKNOWN),
    "ADC": (mr("EP", 89, 6000, kinds="DERIVED\\PRIMARY\\DIFFUSION\\ADC"), Role.ADC),
    "ADC of GE": (
        mr("EP\\SE", 80, 8000, kinds="DERIVED\\SECONDARY\\COMBINED", name="Apparent Diffusion Coefficient"),
        Role.ADC,
    ),
    "eADC": (mr("EP\\SE", 80, 8000, kinds="DERIVED\\SECONDARY\\EADC"), Role.OTHER),
    "eADC by name": (mr("EP\\SE", 80, 8000, kinds="DERIVED\\SECONDARY", name="Exponential ADC"), Role.OTHER),
    "FA": (mr("EP", 89, 6000, kinds="DERIVED\\PRIMARY\\DIFFUSION\\FA"), Role.OTHER),
    "SWI": (mr("GR", 20, 28, kinds="ORIGINAL\\PRIMARY\\M\\SWI\\NORM"), Role.SWI),
    "SWI of Philips": (mr("GR", 22, 31, kinds="ORIGINAL\\PRIMARY\\M_FFE\\M\\FFE", name="sSWIp"), Role.SWI),
    "SWAN": (mr("GR", 24, 40, name="Ax SWAN"), Role.SWI),
    "SWI mIP": (mr("GR", 20, 28, kinds="DERIVED\\PRIMARY\\MNIP\\SWI"), Role.OTHER),
    "SWI phase": (mr("GR", 20, 28, kinds="ORIGINAL\\PRIMARY\\P\\ND"), Role.PHASE),
    "phase of a field map": (mr("GR", 7.4, 600, kinds="ORIGINAL\\PRIMARY\\P\\ND"), Role.OTHER),
    "T2*": (mr("GR", 25, 800, name="Ax GRE"), Role.SWI),
    "T2* read out as one echo-planar shot": (mr("GR\\EP", 30, 2000, name="ep2d"), Role.OTHER),
    "TOF": (mr("GR", 3.4, 21, name="TOF_3D_multi-slab"), Role.OTHER),
    "perfusion": (mr("EP\\GR", 30, 1600, name="ep2d_perf_p2"), Role.OTHER),
    "localizer": (mr("GR", 3.7, 8.6, kinds="ORIGINAL\\PRIMARY\\LOCALIZER"), Role.LOCALIZER),
    "scout by name": (mr("GR", 1.4, 3.2, name="AAHead_Scout_64ch-head-coil"), Role.LOCALIZER),
    "CT": (with_attributes(Dataset(), {"SOPClassUID": CTImageStorage, "Modality": "CT"}), Role.OTHER),
    "screen capture": (mr(name="FLAIR", SOPClassUID=SecondaryCaptureImageStorage), Role.OTHER),
    "colour": (mr(name="FLAIR", SamplesPerPixel=3), Role.OTHER),
    "nothing said": (mr(), Role.UNKNOWN),
    "only a name": (mr(name="AX T2 TSE"), Role.T2),
}


@pytest.mark.parametrize(("ds", "role"), OTHERS.values(), ids=OTHERS.keys())
def test_the_other_series_of_a_study_are_known(ds, role):
    assert role_of([ds])[0] is role


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        ((0x0019, 0x100C), "IS", 1000),
        ((0x2001, 0x1003), "FL", 1000.0),
        ((0x0043, 0x1039), "IS", [1000001000, 8, 0, 0]),
    ],
    ids=["Siemens", "Philips", "GE"],
)
def test_a_private_b_value_is_read_where_the_standard_one_is_missing(tag, vr, value):
    ds = mr("EP", 89, 6000, name="dwi")
    ds.add_new(tag, vr, value)
    assert role_of([ds])[:2] == (Role.DWI, "diffusion-weighted, b 1000 s/mm2")


def test_a_series_of_several_weightings_is_diffusion():
    images = [mr("EP", 89, 6000, DiffusionBValue=b) for b in (0.0, 1000.0)]
    assert role_of(images)[0] is Role.DWI


def test_the_evidence_is_one_clause():
    assert role_of([FLAIRS["Siemens 3D SPACE"]])[1] == "inversion recovery, TI 1800 ms, TE 397 ms, TR 5000 ms"


def test_a_flair_after_contrast_is_a_flair_and_says_so():
    role, evidence, _ = role_of([mr("SE\\IR", 120, 9000, 2500, ContrastBolusAgent="GADOTERATE MEGLUMINE")])
    assert role is Role.FLAIR
    assert evidence.endswith("after contrast")


def test_a_flair_known_by_its_name_alone_says_so():
    assert role_of([FLAIRS["times missing"]])[1] == "by description only"


def test_the_name_of_the_whole_examination_is_no_evidence_for_a_series():
    ds = mr("SE", 100, 5000, name="Ax T2 FSE", ProtocolName="BRAIN FLAIR")
    assert role_of([ds])[0] is Role.T2


def test_images_in_several_planes_are_a_localizer():
    images = [mr("GR", 3.7, 8.6, ImageOrientationPatient=decimals(o)) for o in (CORONAL, SAGITTAL)]
    assert role_of(images)[:2] == (Role.LOCALIZER, "images in 2 planes")


def test_several_echoes_in_one_series_are_not_guessed():
    assert role_of([mr("SE", te, 3000) for te in (20, 100)])[0] is Role.UNKNOWN


def test_an_echo_time_that_varies_a_little_is_one_echo():
    assert role_of([mr("SE\\IR", te, 9000, 2500) for te in (117.4, 118.2)])[0] is Role.FLAIR


def test_an_enhanced_flair_is_known_by_its_functional_groups():
    assert role_of([Phantom().enhanced()])[:2] == (
        Role.FLAIR,
        "inversion recovery, TI 2500 ms, TE 120 ms, TR 9000 ms",
    )


def test_an_enhanced_flair_without_inversion_time_is_known_by_its_contrast():
    ds = mr(
        SOPClassUID=EnhancedMRImageStorage, EchoPulseSequence="SPIN", AcquisitionContrast="FLUID_ATTENUATED"
    )
    shared = Dataset()
    shared.MREchoSequence = one(EffectiveEchoTime=110.0)
    ds.SharedFunctionalGroupsSequence = [shared]
    assert role_of([ds])[0] is Role.FLAIR


def test_the_role_does_not_depend_on_the_body_part():
    assert role_of([mr("SE\\IR", 120, 9000, 2500, BodyPartExamined="KNEE")])[0] is Role.FLAIR


def test_malformed_times_are_unknown_and_not_an_error():
    ds = mr("SE\\IR", 120, 9000)
    ds.add_new("InversionTime", "SH", "about 2 seconds")
    assert role_of([ds])[0] is Role.UNKNOWN
