"""Bundles are committed, so that a bare machine needs no Node: they must be those of the sources beside them."""

import hashlib
import json
from pathlib import Path

import careline.faces

FACES = Path(careline.faces.__file__).parent
SOURCES = FACES / "js"
BUNDLES = FACES / "static/careline/js"
MANIFEST = json.loads((BUNDLES / "manifest.json").read_text())


def hashes(folder: Path, names) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_manifest_names_every_source():
    scripts = {p.relative_to(SOURCES).as_posix() for p in SOURCES.rglob("*.js") if "node_modules" not in p.parts}
    assert scripts <= set(MANIFEST["sources"])


def test_bundles_were_made_from_these_sources():
    assert hashes(SOURCES, MANIFEST["sources"]) == MANIFEST["sources"], "run: npm ci && node build.mjs in faces/js"


def test_bundles_were_not_edited_by_hand():
    assert hashes(BUNDLES, MANIFEST["bundles"]) == MANIFEST["bundles"]


def test_every_page_has_its_bundle():
    assert {p.name for p in (SOURCES / "pages").glob("*.js")} == {p.name for p in BUNDLES.glob("*.js")}
