"""Collects what the pages need from node_modules into a folder `vendor` of each program's, which git ignores.

Decides which files of which package are served and under what name. A product's picture that does not exist is
said in one sentence, and nothing is collected.
"""

import shutil
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "app/web/static/vendor"
PRODUCTS = ROOT / "app/demo/products.toml"
PICTURES = MODULES / "@lobehub/fluent-emoji-3d/assets"
FONT = "@fontsource/atkinson-hyperlegible/files/atkinson-hyperlegible-latin"

LOCKERS_VENDOR = ROOT / "firmware_sim/static/vendor"

# served name: path in node_modules
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "hx-sse.js": "htmx.org/dist/ext/hx-sse.min.js",
    "idb.js": "idb/build/umd.js",
    "uplot.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
    "barcode-detector.js": "barcode-detector/dist/iife/ponyfill.js",
    # barcode-detector carries the glue of exactly this zxing-wasm: package.json pins both, they move together.
    "zxing_reader.wasm": "zxing-wasm/dist/reader/zxing_reader.wasm",
    "atkinson-hyperlegible-400.woff2": f"{FONT}-400-normal.woff2",
    "atkinson-hyperlegible-700.woff2": f"{FONT}-700-normal.woff2",
    "swagger-ui/swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui/swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
}
LOCKERS_FILES = ("barcode-detector.js", "zxing_reader.wasm", "atkinson-hyperlegible-700.woff2")
LICENCES = {
    "htmx.txt": "htmx.org/LICENSE",
    "idb.txt": "idb/LICENSE",
    "uplot.txt": "uplot/LICENSE",
    "barcode-detector.txt": "barcode-detector/LICENSE",
    "zxing-wasm.txt": "zxing-wasm/LICENSE",
    "atkinson-hyperlegible.txt": "@fontsource/atkinson-hyperlegible/LICENSE",
    "swagger-ui.txt": "swagger-ui-dist/LICENSE",
    "lucide.txt": "lucide-static/LICENSE",
}


def main() -> None:
    pictures = pictures_named_in(PRODUCTS)
    missing = sorted(stem for stem in pictures if not (PICTURES / f"{stem}.webp").is_file())
    if missing:
        sys.exit(f"app/demo/products.toml names pictures that the icon set does not have: {', '.join(missing)}")
    for folder in (VENDOR, LOCKERS_VENDOR):
        shutil.rmtree(folder, ignore_errors=True)
    for name, source in FILES.items():
        place(MODULES / source, VENDOR / name)
    for name in LOCKERS_FILES:
        place(MODULES / FILES[name], LOCKERS_VENDOR / name)
    for name, source in LICENCES.items():
        place(MODULES / source, VENDOR / "licences" / name)
    for stem in pictures:
        place(PICTURES / f"{stem}.webp", VENDOR / "emoji" / f"{stem}.webp")
    for icon in sorted((MODULES / "lucide-static/icons").glob("*.svg")):
        place(icon, VENDOR / "lucide" / icon.name)


def pictures_named_in(products: Path) -> set[str]:
    """Find each `picture` key, whatever table it stands in. No file, no pictures."""
    if not products.is_file():
        return set()
    return set(find_pictures(tomllib.loads(products.read_text(encoding="utf-8"))))


def find_pictures(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [str(part["picture"])] if "picture" in part else []
        return own + [stem for value in part.values() for stem in find_pictures(value)]
    if isinstance(part, list):
        return [stem for value in part for stem in find_pictures(value)]
    return []


def place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    main()
