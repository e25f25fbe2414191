"""Brings the facts gathered for each provider into the catalogue's one form.

Usage: python3 src/catalog/import/convert.py [--check] [PROVIDER...]

Reads `$LASTGOOD_SHARED` or `../shared` beside the checkout, writes `src/catalog/PROVIDER.toml`, and
prints per provider what was written and what the form does not carry. With `--check` it writes
nothing and fails where a committed file differs. Standard library only; equal input, equal bytes.
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import auth0  # noqa: E402
import entra  # noqa: E402
import okta  # noqa: E402
import pingfederate  # noqa: E402
import pingone  # noqa: E402

from form import render  # noqa: E402

CONVERTERS = {
    "okta": okta.convert,
    "entra": entra.convert,
    "auth0": auth0.convert,
    "pingone": pingone.convert,
    "pingfederate": pingfederate.convert,
}


def report(catalog, text):
    """What was written, and what was left behind."""
    kinds = catalog.kinds
    count = lambda key: sum(len(kind.get(key, [])) for kind in kinds)  # noqa: E731
    writes = count("create") + count("update") + count("delete")
    excluded = sum(len(group["paths"]) for group in catalog.excluded)
    print(f"{catalog.name}: {len(kinds)} kinds, {count('read')} reads, {writes} writes, {count('action')} actions, "
          f"{count('refs')} refs, {excluded} excluded paths in {len(catalog.excluded)} groups, {len(text)} bytes")
    for what, number in sorted(catalog.facts.items()):
        print(f"  {number} {what}")
    for what, number in sorted(catalog.dropped.items()):
        print(f"  {number} left out: {what}")


def main(arguments):
    """Writes or checks the files of the named providers, or of all."""
    check = "--check" in arguments
    names = [name for name in arguments if not name.startswith("--")] or list(CONVERTERS)
    shared = pathlib.Path(os.environ.get("LASTGOOD_SHARED") or HERE.parents[3] / "shared")
    stale = []
    for name in names:
        catalog = CONVERTERS[name](shared)
        text = render(catalog)
        target = HERE.parent / f"{name}.toml"
        if not check:
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            stale.append(target.name)
        report(catalog, text)
    if stale:
        print(f"differ from the converter's output: {', '.join(stale)}; run src/catalog/import/convert.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
