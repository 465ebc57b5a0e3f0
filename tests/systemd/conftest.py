"""Fixtures of the boxes: a scene that is always removed. Skipped, with the reason, where systemd-nspawn cannot run."""

import importlib.util
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(HERE), "lab")
sys.path[:0] = [HERE, LAB]

import box as box_module  # noqa: E402
import scene as scene_module  # noqa: E402

_spec = importlib.util.spec_from_file_location("lab_conftest", os.path.join(LAB, "conftest.py"))
_lab = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_lab)
make_lan = _lab.make_lan


def pytest_collection_modifyitems(items):
    reason = box_module.unavailable() if items else None
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def make_scene(make_lan):
    """A factory: make_scene(network="ifupdown", …), see scene.Scene. What the box said is printed with a failure."""
    made = []

    def make(**options):
        made.append(scene_module.Scene(make_lan(), **options))
        return made[-1]
    yield make
    for scene in made:
        print("---- box ----\n" + scene.box.output())
