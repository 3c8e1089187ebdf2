"""The scripts in setup/ that `make` runs before anything starts."""

import tomllib
from pathlib import Path

import pytest

from setup import collect_vendor, compile_translations

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Door"
msgstr "门"
"""


@pytest.fixture
def products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty list of products, and a vendor folder of the test's own."""
    monkeypatch.setattr(collect_vendor, "PRODUCTS", tmp_path / "products.toml")
    monkeypatch.setattr(collect_vendor, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(collect_vendor, "LOCKERS_VENDOR", tmp_path / "lockers-vendor")
    return tmp_path / "products.toml"


def test_a_products_picture_is_collected_and_no_other(products: Path) -> None:
    products.write_text('[[products]]\nname_en = "Tomatoes"\npicture = "1f345"\n')
    collect_vendor.main()
    assert [path.name for path in (products.parent / "vendor/emoji").iterdir()] == ["1f345.webp"]


def test_a_picture_that_does_not_exist_is_a_sentence_and_nothing_is_collected(products: Path) -> None:
    products.write_text('[[products]]\npicture = "1f345"\n[[products]]\npicture = "tomatoe"\n')
    with pytest.raises(SystemExit, match="names pictures that the icon set does not have: tomatoe"):
        collect_vendor.main()
    assert not (products.parent / "vendor").exists()


def test_every_picture_of_the_demos_products_is_served() -> None:
    named = collect_vendor.pictures_named_in(ROOT / "app/demo/products.toml")
    served = {path.stem for path in (ROOT / "app/web/static/vendor/emoji").iterdir()}
    assert len(named) > 20
    assert named <= served


def test_the_barcode_reader_gets_the_wasm_of_its_own_version(products: Path) -> None:
    collect_vendor.main()
    wanted = tomllib.loads("version = " + (ROOT / "package.json").read_text().split('"zxing-wasm": ')[1].split("\n")[0])
    assert f"zxing-wasm@{wanted['version']}" in (products.parent / "vendor/barcode-detector.js").read_text()


def test_translations_are_compiled_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_translations, "ROOT", tmp_path)
    catalogue = tmp_path / "app/translations/zh/LC_MESSAGES/messages.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(CATALOGUE)
    compile_translations.main()
    compiled = catalogue.with_suffix(".mo")
    assert "门".encode() in compiled.read_bytes()

    catalogue.write_text(CATALOGUE.replace("门", "箱"))
    compile_translations.main()
    assert "箱".encode() in compiled.read_bytes()
