# SPDX-License-Identifier: Apache-2.0
"""Who may do what, on the wire: every API that there is, for every class of user and kind of rule.

matrix.table says what must be answered. Each cell sends the real request over TLS and SCRAM; `why` is
asked in each, by the operator and by the user himself, and must say what the broker did; and who is
denied must get the same bytes for what does not exist.
"""
import os

import pytest
from matrix import ANONYMOUS, OPS, Connection, Site, binding, read_table
from matrix_asks import ASKS, rules_on

GRIDS, APIS = read_table()
ONLY = os.environ.get("MATRIX_ONLY")		# NAME[,NAME...] of APIs: for the mutation run


def chosen(apis):
    return [a for a in apis if not ONLY or a.api in ONLY.split(",")]


@pytest.fixture(scope="module")
def site():
    s = Site()
    yield s
    s.remove()


def cells(site, api):
    """The cells that say something about this line of [apis]."""
    kind = "tenant" if api.type == "root" else api.type
    for name, grid in site.grids.items():
        if name.split("-")[0] == kind and all(op in grid[0].may for op in api.ops):
            for c in grid:
                # What tells of the settings of a new topic asks whether they may be seen, of who may make it.
                if api.what == "configs" and not c.may["CREATE"]:
                    continue
                if (api.allowed if c.exists else api.absent) != "-":
                    yield c


def allowed(api, c):
    if api.type == "root":
        return c.may["ROOT"]
    return all(c.may[op] for op in api.ops)


def expected(api, c):
    if api.what == "id" and not c.may["DESCRIBE"]:
        return api.hidden	# by id there is nothing that may not be seen
    if allowed(api, c):
        return api.allowed if c.exists else api.absent
    return api.denied if c.may["DESCRIBE"] else api.hidden


def send(site, api, c, version, o):
    answer, raw = site.user(c).call(api.api, version, **api.ask.request(o, version))
    return ("closed" if answer is None else api.ask.judge(answer, o)), raw, answer


def leak(site, api, c, version, raw):
    """What tells a denied user whether the thing is there; None if nothing does."""
    other = c.object.absent()
    _, same, _ = send(site, api, c, version, other)
    for o in (c.object, other):
        raw = raw.replace(o.name.encode(), b"NAME").replace(o.id or b"no id", b"ID")
        same = same.replace(o.name.encode(), b"NAME").replace(o.id or b"no id", b"ID")
    return None if raw == same else f"differs from what is not there: {raw!r}, {same!r}"


def check(site, api, c, version):
    """What is wrong in the cell, as texts."""
    want = expected(api, c)
    got, raw, answer = send(site, api, c, version, c.object)
    if api.ask.heal and got in (api.allowed, api.absent):
        api.ask.heal(site, c.object, answer)
    if got != want:
        yield f"{got}, not {want}"
    elif not allowed(api, c) and not c.may["DESCRIBE"] and c.type != "tenant":
        found = leak(site, api, c, version, raw)
        if found:
            yield found


@pytest.mark.parametrize("api", chosen(APIS), ids=str)
def test_every_cell(site, api):
    api = next(a for a in site.apis if str(a) == str(api))
    wrong = [f"{c} v{api.versions[-1]}: {w}" for c in cells(site, api) for w in check(site, api, c, api.versions[-1])]
    assert not wrong, "\n".join(wrong)


FEW = {"owner-rwx", "other-none", "owner-none", "owner", "other", "other-r", "operator", "tenant-all", "deny-all"}


@pytest.mark.parametrize("api", chosen(APIS), ids=str)
def test_every_version(site, api):
    api = next(a for a in site.apis if str(a) == str(api))
    wrong = []
    for version in api.versions[:-1]:
        for c in cells(site, api):
            if c.name in FEW:
                wrong += [f"{c} v{version}: {w}" for w in check(site, api, c, version)]
    assert not wrong, "\n".join(wrong)


# Many things in one request.

def merged(requests):
    """One request about all that they are about; None where the API has no such form."""
    out = {}
    for request in requests:
        for key, value in request.items():
            if isinstance(value, list):
                out[key] = out.get(key, []) + value
            elif out.setdefault(key, value) != value:
                return None
    return out


def codes_about(value, o):
    """Every error code that the answer says about the object."""
    if isinstance(value, list):
        return [c for one in value for c in codes_about(one, o)]
    if not isinstance(value, dict):
        return []
    if o.name in value.values() or (o.id and o.id in value.values()):
        return all_codes(value)
    return [c for one in value.values() for c in codes_about(one, o)]


def all_codes(value):
    if isinstance(value, list):
        return [c for one in value for c in all_codes(one)]
    if not isinstance(value, dict):
        return []
    own = [value["error_code"]] if "error_code" in value else []
    return own + [c for one in value.values() for c in all_codes(one)]


MANY = [a for a in APIS if a.type in ("topic", "group") and a.what in ("topic", "group", "id") and a.ops != ["CREATE"]
        and a.allowed != "listed"]


@pytest.mark.parametrize("api", chosen(MANY), ids=str)
def test_one_denial_among_many(site, api):
    """The others of the request are answered as if they were alone, and so is it: in whatever order."""
    grid = {c.name: c for c in site.grids[api.type]}
    may = grid[{"READ": "other-r", "WRITE": "other-w"}.get(api.ops[0], "other-x")]
    none = grid["other-none"]
    for version in api.versions:
        for pair in ((may, none), (none, may)):
            request = merged([api.ask.request(c.object, version) for c in pair])
            if request is None:
                continue
            answer = site.user(may).call(api.api, version, **request)[0]
            want = {may: {int(api.allowed), 0}, none: {int(api.hidden), 0}}
            for c in pair:
                codes = set(codes_about(answer, c.object))
                assert codes <= want[c] and max(codes) == max(want[c]), (version, c.name, answer)
            if api.ask.heal:
                api.ask.heal(site, may.object, answer)


# What `why` says, and the fields that tell what one may do.

def targets(c):
    """(operation, path, whether it is allowed) for each column that `why` can be asked about."""
    if c.type != "tenant":
        return [(op, c.object.path, may) for op, may in c.may.items() if op != "RULES"]
    path = f"/{c.object.tenant}"
    return [(op, path, may) for op, may in c.may.items() if op not in ("ADMIN", "ROOT", "CREATE")] + \
        [("CREATE", f"{path}/topics/new", c.may["CREATE"]), ("ALTER_CONFIGS", "/", c.may["ROOT"])]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.skipif(bool(ONLY), reason="one API only")
def test_why_agrees(site, grid):
    """The table is what the broker did in every cell: `why` must say the same, to the user and to operators."""
    wrong = []
    for c in site.grids[grid]:
        away = c.user == "fred@acme" and c.object.tenant == "main"	# neither is there for the other
        for op, path, may in targets(c):
            got = site.why(c, op, path, oneself=True)
            if got != (31 if away else may):
                wrong.append(f"{c}: {op} {path}: {got} to himself")
            # About others an operator is told of the users of the path's tenant; of / these are main's.
            if not away and path != "/" and site.why(c, op, path, oneself=False) != may:
                wrong.append(f"{c}: {op} {path}: not {may} to the operator")
    assert not wrong, "\n".join(wrong)


NAMING = [	# requests that name a path or a rule
    ("why", lambda o: {"operation": OPS["DESCRIBE"], "path": o.path}),
    ("why", lambda o: {"operation": OPS["DELETE"], "path": o.path}),
    ("tree_list", lambda o: {"path": o.path}),
    ("tree_set", lambda o: {"changes": [{"path": o.path, "mode_set": 0o777, "force": True}], "dry_run": True}),
    ("tree_set", lambda o: {"changes": [{"path": o.path, "owner": "stan"}], "dry_run": True}),
    ("describe_acls", lambda o: rules_on(o.type, o.name)),
    ("create_acls", lambda o: {"creations": [binding("allow User:rita READ", o)]}),
    ("delete_acls", lambda o: {"filters": [rules_on(o.type, o.name)]}),
]


@pytest.mark.parametrize("grid", ["topic", "group", "group-used"])
@pytest.mark.skipif(bool(ONLY), reason="one API only")
def test_what_one_does_not_see_is_not_there_for_the_tree_either(site, grid):
    for c in site.grids[grid]:
        # Owners have rights that no rule takes away: they know of it.
        if c.may["DESCRIBE"] or c.user in ("fred@acme", "olga"):
            continue
        for api, request in NAMING:
            if api == "describe_acls" and c.may["RULES"]:	# whose DESCRIBE is the tenant's
                continue
            version = site.schema[api].hi
            same = []
            for o in (c.object, c.object.absent()):
                same.append(site.user(c).call(api, version, **request(o))[1].replace(o.name.encode(), b"NAME"))
            assert same[0] == same[1], (str(c), api, same)


def bits(c):
    """authorized_operations as the columns say."""
    return sum(1 << OPS[op] for op, may in c.may.items() if may and op in OPS)


@pytest.mark.skipif(bool(ONLY), reason="one API only")
def test_authorized_operations_of_topics(site):
    for c in site.grids["topic"]:
        if c.may["DESCRIBE"]:
            at = site.user(c)
            one = at.call("metadata", 12, topics=[{"name": c.object.name}], include_topic_authorized_operations=True)
            two = at.call("describe_topic_partitions", 0, topics=[{"name": c.object.name}], response_partition_limit=9)
            assert [a["topics"][0]["topic_authorized_operations"] for a, _ in (one, two)] == [bits(c)] * 2, str(c)


@pytest.mark.skipif(bool(ONLY), reason="one API only")
def test_authorized_operations_of_groups(site):
    """CREATE of groups is an operation of ours; Kafka's settings of groups are not in the table."""
    known = sum(1 << OPS[op] for op in ("READ", "DELETE", "DESCRIBE"))
    for c in site.grids["group"] + site.grids["group-used"]:
        got = site.user(c).call("describe_groups", 5, groups=[c.object.name], include_authorized_operations=True)[0]
        got = got["groups"][0]["authorized_operations"]
        assert (got & known if c.may["DESCRIBE"] else got) == (bits(c) & known if c.may["DESCRIBE"] else -2**31), str(c)


@pytest.mark.skipif(bool(ONLY), reason="one API only")
def test_authorized_operations_of_the_cluster(site):
    """CREATE there speaks of the cluster alone, where the column speaks of a topic: without rules on topics."""
    for c in site.grids["tenant"]:
        if c.name == "allow-on-topics":
            continue
        want = bits(c) if c.may["DESCRIBE"] else 0
        for api, version, more in (("metadata", 10, {"topics": []}), ("describe_cluster", 1, {})):
            got = site.user(c).call(api, version, include_cluster_authorized_operations=True, **more)[0]
            assert got["cluster_authorized_operations"] == want, (str(c), api)


# Everybody, and nobody.

@pytest.mark.skipif(bool(ONLY) and "fetch" not in ONLY, reason="another API only")
@pytest.mark.parametrize("user", ["admin", "olga", "stan", ANONYMOUS])
def test_nobody_fetches_as_a_replica(site, user):
    for version in range(4, 19):
        answer = site.connection(user).call("fetch", version, **ASKS["fetch", "replica"].request(site.open, version))[0]
        assert ASKS["fetch", "replica"].judge(answer, site.open) == "29", version


@pytest.mark.parametrize("user, code", [("stan", 31), ("tina", 31), ("admin", 0)])
def test_internal_topics_are_mended_by_operators(site, user, code):
    """The row's question about the installation; of other topics it asks the topic's owner."""
    told = site.connection(user).call("topic_recover", 0, topic="__consumer_offsets", partitions=[0])[0]
    assert told["error_code"] == code, told


OPEN_TO_ALL = {"api_versions", "sasl_handshake", "sasl_authenticate"}


@pytest.mark.skipif(bool(ONLY), reason="one API only")
def test_the_table_has_every_api(site):
    """Advertised or our own: none is without cells."""
    told = site.connection("admin").call("api_versions", 0)[0]["api_keys"]
    ours = {a.name for a in site.schema if a.key >= 20000}
    known = {a.api for a in APIS} | OPEN_TO_ALL | {"fetch"}
    assert {site.schema.by_key[t["api_key"]].name for t in told} | ours == known
    for api in APIS:
        assert api.versions[-1] <= site.schema[api.api].hi and api.versions[0] >= site.schema[api.api].lo
    for name in {a.api for a in APIS}:
        sent = {v for a in APIS if a.api == name for v in a.versions}
        assert sent == set(range(site.schema[name].lo, site.schema[name].hi + 1)), f"{name}: not every version"


def test_who_is_not_logged_in_is_hung_up_on(site):
    """Each API, at its lowest and its highest version, as the first thing on a connection."""
    for name in {a.api for a in chosen(APIS)}:
        for version in {site.schema[name].lo, site.schema[name].hi}:
            at = Connection(site, None)
            answer, raw = at.call(name, version, **next(
                a for a in APIS if a.api == name and version in a.versions).ask.request(site.open, version))
            at.close()
            assert raw == b"closed", (name, version, answer)


@pytest.mark.skipif(bool(ONLY), reason="one API only")
def test_the_cells_are_as_they_were(site):
    """What was denied did nothing: every topic is there, as long as it was made, and no other."""
    want = {c.object.name for c in site.grids["topic"]} | {"open"}
    topics = {t["name"]: len(t["partitions"]) for t in site.do("metadata", 9, topics=None)["topics"]}
    assert topics == {**{name: 1 for name in want}, "__consumer_offsets": topics["__consumer_offsets"]}
    groups = {g["group_id"] for g in site.do("list_groups", 4)["groups"]}
    assert groups == {c.object.name for g in ("group", "group-used") for c in site.grids[g]} | {"open"}
