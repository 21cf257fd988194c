import shutil

import pytest

from rules.anatomy import Region
from tests.workers.models.models import WANTED, above, installed_model
from workers.checks.planes import CHANNELS
from workers.checks.voxel_features import FEATURES
from workers.models.card import Engine, ModelRefused, Normalisation, read_card
from workers.models.store import SHIPPED, installed, shipped


def test_a_card_says_what_its_model_is(tmp_path):
    card = read_card(installed_model(tmp_path / "bright", above(1.3)))
    assert card.label == "bright 7"
    assert card.engine is Engine.LESION
    assert card.spacing_mm == (2.0, 2.0, 2.0)
    assert card.normalisation is Normalisation.WHITE_MATTER
    assert card.channel == 1


@pytest.mark.parametrize(
    "missing", ["name", "version", "sha256", "licence", "engine", "weights", "input", "output"]
)
def test_a_card_without_one_of_its_lines_is_refused(tmp_path, missing):
    path = installed_model(tmp_path / "bright", above(1.3), **{missing: None})
    with pytest.raises(ModelRefused, match=f"{missing} is missing"):
        read_card(path)


@pytest.mark.parametrize("missing", ["role", "spacing_mm", "orientation", "normalisation"])
def test_a_card_that_does_not_say_what_the_model_takes_is_refused(tmp_path, missing):
    takes = {name: value for name, value in WANTED.items() if name != missing}
    with pytest.raises(ModelRefused, match=f"{missing} is missing"):
        read_card(installed_model(tmp_path / "bright", above(1.3), input=takes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": "colour"}, "colour"),
        ({"engine": "label", "output": {"classes": ["pons"]}}, "background and then regions"),
        ({"engine": "label", "output": {"classes": ["background", "liver"]}}, "liver"),
        ({"engine": "label", "output": {"classes": ["background", "brainstem"]}}, "do not overlap"),
        ({"engine": "label", "output": {"classes": ["background", "pons", "pons"]}}, "each once"),
        ({"input": {**WANTED, "spacing_mm": [1, 1]}}, "three numbers"),
        ({"input": {**WANTED, "orientation": "XYZ"}}, "XYZ"),
        ({"input": {**WANTED, "role": "PET"}}, "PET"),
        ({"input": {**WANTED, "role": "T2"}}, "role T2: models are run on the FLAIR alone"),
        ({"engine": "mask", "input": {**WANTED, "role": "SWI"}}, "role SWI"),
        ({"output": {"classes": ["a"], "probability_of": "b"}}, "b"),
        ({"output": {"classes": ["a"], "probability_of": "a", "threshold": 2}}, "threshold"),
        ({"input": "volume"}, "no section"),
    ],
)
def test_a_card_that_is_wrong_says_where(tmp_path, changes, words):
    path = installed_model(tmp_path / "bright", above(1.3), **changes)
    with pytest.raises(ModelRefused, match=words):
        read_card(path)


def test_weights_that_changed_are_refused(tmp_path):
    path = installed_model(tmp_path / "bright", above(1.3))
    (path.parent / "model.onnx").write_bytes(above(1.1).SerializeToString())
    with pytest.raises(ModelRefused, match="not those of the card"):
        read_card(path)


def test_weights_that_are_missing_are_refused(tmp_path):
    path = installed_model(tmp_path / "bright", above(1.3))
    (path.parent / "model.onnx").unlink()
    with pytest.raises(ModelRefused, match="are missing"):
        read_card(path)


def test_weights_outside_the_cards_folder_are_never_read(tmp_path):
    outside = tmp_path / "outside.onnx"
    outside.write_bytes(b"weights")
    with pytest.raises(ModelRefused, match="are missing"):
        read_card(installed_model(tmp_path / "bright", above(1.3), weights="../outside.onnx"))


def test_a_label_engine_names_its_regions(tmp_path):
    output = {"classes": ["background", "pons", "thalamus"]}
    card = read_card(installed_model(tmp_path / "regions", above(1.3), engine="label", output=output))
    assert card.regions == (Region.PONS, Region.THALAMUS)


@pytest.mark.parametrize("text", ["a: [", "just words", "\x00"])
def test_what_is_no_card_is_refused(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(ModelRefused):
        read_card(path)


def test_a_folder_gives_one_model_for_each_engine(tmp_path):
    installed_model(tmp_path / "bright", above(1.3))
    installed_model(tmp_path / "tissue", above(0.5), engine="mask")
    installed_model(
        tmp_path / "regions", above(0.5), engine="label", output={"classes": ["background", "pons"]}
    )
    found = installed(tmp_path)
    assert found.lesion is not None
    assert found.lesion.label == "bright 7"
    assert found.label_map is not None
    assert found.label_map.label in found.label
    assert found.mask is not None
    assert found.mask.sha256[:12] in found.label


def test_two_models_for_one_engine_are_refused(tmp_path):
    installed_model(tmp_path / "bright", above(1.3))
    installed_model(tmp_path / "brighter", above(1.5))
    with pytest.raises(ModelRefused, match="both lesion engines"):
        installed(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelRefused, match="not there"):
        installed(tmp_path / "nowhere")


def test_no_folder_means_no_plugin():
    assert installed(None).label == ""


@pytest.mark.parametrize(("engine", "takes"), [(Engine.VOXELS, FEATURES), (Engine.PLANES, CHANNELS)])
def test_the_products_own_models_are_those_on_their_cards(engine, takes):
    card = shipped(engine)
    assert card.engine is engine
    assert card.licence == "Apache-2.0"
    assert card.features == takes
    assert card.weights.stat().st_size < 2_000_000


@pytest.mark.parametrize("engine", [Engine.VOXELS, Engine.PLANES])
def test_the_products_own_engines_are_no_plugins(tmp_path, engine):
    shutil.copytree(SHIPPED[engine].parent, tmp_path / "own")
    with pytest.raises(ModelRefused, match="a plug-in is a lesion, a mask or a label engine"):
        installed(tmp_path)
