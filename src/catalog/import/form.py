"""The catalogue's form as text: what the five converters share.

A converter fills a `Catalog`; `render` brings it to TOML with a fixed order of keys, so that equal
input gives equal bytes. The meaning of each field stands in `src/catalog/spec.rs` and nowhere else.
"""

import re
from collections import Counter

WIDTH = 110
PLAIN_FIELD = re.compile(r"^(\*|[\w@$#-]+)(\[\])?(\.(\*|[\w@$#-]+)(\[\])?)*$")
PLACEHOLDER = re.compile(r"\{([^}]+)\}")
SCALARS = [
    "kind", "what", "shape", "stage", "parent", "id", "id_by", "also_id", "id_of", "id_is_name", "name", "shown", "within", "get", "carried_by", "bucket",
    "same", "fields", "links", "keep", "set", "volatile", "derived", "secret", "assigned", "fixed",
    "write_only", "refs", "system", "comes_with", "appointed_by", "notes",
]
TABLES = ["params", "scopes", "restore", "unread", "file", "changes"]
LISTS = ["read", "gone", "create", "update", "delete", "action"]


def quote(text):
    """A TOML basic string."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif ord(char) < 32:
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def key_text(name):
    """A key, quoted where TOML needs it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quote(name)


def value_text(value):
    """A value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{key_text(k)} = {value_text(v)}" for k, v in value.items())
        return "{ " + inner + " }" if inner else "{}"
    raise TypeError(f"no TOML for {value!r}")


def line(key, value):
    """`key = value`, an array over several lines where one would be too long."""
    one = f"{key_text(key)} = {value_text(value)}"
    if isinstance(value, list) and len(one) > WIDTH:
        rows = "".join(f"  {value_text(item)},\n" for item in value)
        return f"{key_text(key)} = [\n{rows}]\n"
    return one + "\n"


def table(name, value, out):
    """A `[table]` with its plain members; tables within become `[table.inner]`."""
    plain = {k: v for k, v in value.items() if not isinstance(v, dict) or name.startswith("kind.")}
    inner = {k: v for k, v in value.items() if k not in plain and v}
    if plain or not inner:
        out.append(f"\n[{name}]\n")
        out.extend(line(k, v) for k, v in plain.items())
    for key, sub in inner.items():
        table(f"{name}.{key_text(key)}", sub, out)


def pattern(field):
    """`a.b[].c` as `/a/b/*/c`; `None` for a text that is not a place."""
    field = field.strip()
    if field.startswith("@odata."):
        return "/" + field
    if not PLAIN_FIELD.match(field):
        return None
    parts = []
    for part in field.split("."):
        name = part[:-2] if part.endswith("[]") else part
        if name:
            parts.append("*" if name == "*" else name.replace("~", "~0"))
        if part.endswith("[]"):
            parts.append("*")
    return "/" + "/".join(parts)


def words(name, acronyms):
    """`idp_signing_key` as words for people."""
    return " ".join(acronyms.get(part, part) for part in name.split("_"))


def sentence(text):
    """One sentence: begins with a capital, unless with a name of the API, and ends with a stop."""
    text = " ".join(text.replace("\u2014", "-").replace("\u2026", "...").split())
    if not text:
        return ""
    if re.match(r"^[a-z-]+([ ,:;]|$)", text):
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else text + "."


def segments(path):
    """A path with its placeholders made equal, for comparing."""
    return [PLACEHOLDER.sub("{}", part) for part in path.split("?")[0].strip("/").split("/")]


class Catalog:
    """One provider's file in the making, and the count of what it could not carry."""

    def __init__(self, name):
        self.name = name
        self.head = {}
        self.kinds = []
        self.excluded = []
        self.dropped = Counter()
        self.facts = Counter()

    def by_name(self):
        """Kinds by name."""
        return {kind["kind"]: kind for kind in self.kinds}

    def drop(self, what, count=1):
        """Counts facts that are left behind on purpose."""
        if count:
            self.dropped[what] += count

    def places(self, kind, fields, role):
        """Patterns for field texts. What is no place goes to the notes."""
        out = []
        for field in fields:
            at = pattern(field)
            if at is None:
                note(kind, f"{role}: {field}")
                self.facts["fields kept as a note"] += 1
            elif at not in out:
                out.append(at)
        return out

    def exclude(self, reason, paths, under=""):
        """A group of GET paths that are left alone."""
        self.excluded.append({"reason": reason, "under": under, "paths": sorted(paths)})


def note(kind, text):
    """Adds a sentence to the notes of a kind."""
    text = sentence(text)
    if text and text not in kind.get("notes", ""):
        kind["notes"] = (kind.get("notes", "") + " " + text).strip()


def article(text):
    """The indefinite article of a word."""
    return "an" if re.match(r"[aeio]|u(?!ser|ni|ri|i )|A[DIP]|[AEIO][a-z]|M?FA|SMS|SSF|OAuth|X\.|URI", text) else "a"


def describe(kind, acronyms, parents):
    """A plain sentence from the name: what the thing is and what it belongs to."""
    mine = kind["kind"].split("_")
    parent = parents[0] if parents else None
    if parent:
        theirs = parent.split("_")
        while len(mine) > 1 and theirs and mine[0] == theirs[0]:
            mine, theirs = mine[1:], theirs[1:]
    text = words("_".join(mine), acronyms)
    owner = words(parent, acronyms) if parent else ""
    if kind.get("shape") == "edge":
        text = f"A link to {article(text)} {text}, from {article(owner)} {owner}" if parent else f"A link to {article(text)} {text}"
    elif kind.get("shape") == "singleton":
        text = text[0].upper() + text[1:] + (f" of {article(owner)} {owner}; one for each" if parent else "; one for the tenant")
    else:
        many = text.endswith("s") and not text.endswith("ss")
        text = (text[0].upper() + text[1:] if many else f"{article(text).capitalize()} {text}") + (f" of {article(owner)} {owner}" if parent else "")
    return text + "."


def paths_of(kind):
    """Every template of a kind."""
    out = [read[role] for read in kind.get("read", []) for role in ("path", "below") if role in read]
    for read in kind.get("read", []):
        out += read.get("join", {}).values()
    out += [kind["get"]] if "get" in kind else []
    out += [kind["changes"]["path"]] if "changes" in kind else []
    for role in LISTS[2:]:
        for write in kind.get(role, []):
            out += [write["call"].split(" ", 1)[1], *texts(write.get("envelope", ""))]
    return out


def texts(value):
    """Every text inside a value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in inner for text in texts(item)]


def lineage(kinds, kind):
    """The kind and its ancestors, nearest first."""
    out, queue = [], [kind["kind"]]
    while queue:
        name = queue.pop(0)
        if name in out or name not in kinds:
            continue
        out.append(name)
        queue += kinds[name].get("parent", [])
    return out


def owner_of(kinds, homes, kind, prefix, name):
    """Which kind's id ends this prefix of a path: itself, an ancestor, else the only one there is."""
    family = lineage(kinds, kind)
    found = homes.get("/".join(segments(prefix)), [])
    for candidate in family:
        if candidate in found:
            return candidate
    ending = [known for known in kinds if PLACEHOLDER.findall(kinds[known].get("get", ""))[-1:] == [name]]
    for candidate in family:
        if candidate in ending:
            return candidate
    return next(iter(found or ending), None)


def fill_params(catalog, fixed):
    """Says for each placeholder which field of which kind fills it.

    The prefix of a path up to a placeholder is the path of the thing that the placeholder names.
    `fixed` holds what that rule cannot find: placeholder or `kind.placeholder` to `kind:/pointer`.
    A meaning that most kinds share stands once, in the provider's `params`.
    """
    kinds = catalog.by_name()
    homes = {}
    for kind in catalog.kinds:
        if "get" in kind and kind.get("shape") != "singleton" and kind["get"].rstrip(")'").endswith("}"):
            homes.setdefault("/".join(segments(kind["get"])), []).append(kind["kind"])
    for kind in catalog.kinds:
        for read in kind.get("read", []):
            if kind.get("shape") != "singleton" and "path" in read:
                homes.setdefault("/".join([*segments(read["path"]), "{}"]), []).append(kind["kind"])
    meanings = {}
    settings = catalog.head.get("settings", {})
    for kind in catalog.kinds:
        for path in paths_of(kind):
            for match in PLACEHOLDER.finditer(path):
                name = match.group(1)
                listed = any(name in read.get("values", {}) or name in read.get("values_of", {})
                             for read in kind.get("read", []))
                if name in settings or listed or name in ("since", "url"):
                    continue
                given = fixed.get(f"{kind['kind']}.{name}") or fixed.get(name)
                if given is None:
                    owner = owner_of(kinds, homes, kind, path[: match.end()], name)
                    if owner is None:
                        raise SystemExit(f"{catalog.name}: {kind['kind']}: nothing fills {{{name}}} of {path}")
                    given = f"{owner}:{kinds[owner].get('id', '/id')}"
                given = given if isinstance(given, list) else [given]
                meanings.setdefault(name, {}).setdefault(kind["kind"], given)
    common = {}
    for name in sorted(meanings):
        counts = Counter(tuple(value) for value in meanings[name].values())
        best = max(sorted(counts), key=lambda value: counts[value])
        common[name] = list(best)
        for kind_name, value in meanings[name].items():
            if tuple(value) != best:
                kinds[kind_name].setdefault("params", {})[name] = value
    catalog.head["params"] = common


def cut_cycles(catalog):
    """Marks references `second_pass` until what a create needs has an order."""
    kinds = catalog.by_name()

    def needed(name):
        kind = kinds[name]
        out = [(parent, None) for parent in kind.get("parent", [])]
        if kind["restore"]["class"] == "never":
            return out
        for ref in kind.get("refs", []):
            if not ref.get("second_pass") and ref["at"] not in kind.get("assigned", []):
                out += [(to, ref) for to in ref["to"]]
        return [(to, ref) for to, ref in out if to != name]

    def find():
        done, path = set(), []

        def descend(name):
            if name in [step[0] for step in path]:
                start = [step[0] for step in path].index(name)
                return path[start:]
            if name in done:
                return None
            for to, ref in needed(name):
                path.append((name, ref))
                cycle = descend(to)
                if cycle:
                    return cycle
                path.pop()
            done.add(name)
            return None

        for name in kinds:
            path.clear()
            cycle = descend(name)
            if cycle:
                return cycle
        return None

    def order(name):
        return kinds[name]["restore"].get("order", 0)

    while cycle := find():
        cuts = [(name, ref) for name, ref in cycle if ref is not None]
        if not cuts:
            raise SystemExit(f"{catalog.name}: cycle of parents: {[name for name, _ in cycle]}")
        # The reference that climbs highest against the order of restore is the one to set later.
        def climb(step):
            return max(order(to) for to in step[1]["to"]) - order(step[0])

        cuts.sort(key=lambda step: (-climb(step), step[0], step[1]["at"]))
        cuts[0][1]["second_pass"] = True
        catalog.facts["references cut as second_pass"] += 1


def render_kind(kind, out):
    """One `[[kind]]` with everything below it."""
    out.append("\n[[kind]]\n")
    for key in SCALARS:
        if kind.get(key) not in (None, [], ""):
            out.append(line(key, kind[key]))
    for key in TABLES:
        value = {k: v for k, v in kind.get(key, {}).items() if v != []}
        if value:
            table(f"kind.{key}", value, out)
    for key in LISTS:
        for item in kind.get(key, []):
            out.append(f"\n[[kind.{key}]]\n")
            out.extend(line(k, v) for k, v in item.items())
    unknown = set(kind) - set(SCALARS) - set(TABLES) - set(LISTS)
    if unknown:
        raise SystemExit(f"{kind['kind']}: no place in the form for {sorted(unknown)}")


def render(catalog):
    """The whole file."""
    out = ["# Written by src/catalog/import/convert.py from the facts gathered for this provider.\n",
           "# Change those or the converter, then run it again: a test compares.\n\n"]
    tables = {k: v for k, v in catalog.head.items() if isinstance(v, dict)}
    lists = {k: v for k, v in catalog.head.items()
             if isinstance(v, list) and v and isinstance(v[0], dict)}
    for key, value in catalog.head.items():
        if key not in tables and key not in lists:
            out.append(line(key, value))
    for key, value in tables.items():
        if value:
            table(key, {k: value[k] for k in sorted(value)} if key in ("paging", "bucket") else value, out)
    for key, items in lists.items():
        for item in items:
            out.append(f"\n[[{key}]]\n")
            out.extend(line(k, v) for k, v in item.items())
    for kind in catalog.kinds:
        render_kind(kind, out)
    for group in catalog.excluded:
        out.append("\n[[excluded]]\n" + line("reason", group["reason"]))
        if group["under"]:
            out.append(line("under", group["under"]))
        out.append('paths = """\n' + "".join(path + "\n" for path in group["paths"]) + '"""\n')
    return "".join(out)
