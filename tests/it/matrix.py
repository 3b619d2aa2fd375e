# SPDX-License-Identifier: Apache-2.0
"""The world of the authorization matrix: matrix.table read, its cells made in one broker, and asked.

Every cell has an object of its own (a topic, a group, a tenant), so that none must be reset for the next;
what a request destroyed where it was allowed is healed by its ask (matrix_asks.py).
"""
import hashlib
import hmac
import pathlib
import ssl

import twin
from harness import Broker, free_port
from matrix_asks import ANY_RULE, ASKS

TABLE = pathlib.Path(__file__).parent / "matrix.table"
PASSWORD = "same for all, for the keys are made once"
OPS = dict(ALL=2, READ=3, WRITE=4, CREATE=5, DELETE=6, ALTER=7, DESCRIBE=8, CLUSTER_ACTION=9,
           DESCRIBE_CONFIGS=10, ALTER_CONFIGS=11, IDEMPOTENT_WRITE=12)
TYPES = {"topic": 2, "group": 3, "tenant": 4, "txn": 5}
SETTINGS = "auto.create.topics.enable: true\ngroup.initial.rebalance.delay.ms: 0"
ANONYMOUS = "ANONYMOUS"
HOST = "127.0.0.1"


class Api:
    """One line of [apis]."""

    def __init__(self, line):
        self.api, self.what, versions, asks, self.allowed, self.denied, self.hidden, self.absent = line
        lo, _, hi = versions.partition("-")
        self.versions = list(range(int(lo), int(hi or lo) + 1))
        self.type, self.ops = asks.split()[0], asks.split()[1:]
        if self.hidden == "=":
            self.hidden = self.denied
        self.ask = ASKS[self.api, self.what]

    def __str__(self):
        return f"{self.api}-{self.what}"


class Cell:
    """One line of a grid. may: what is allowed, by the name of the operation."""

    def __init__(self, grid, number, line, columns):
        self.grid, (self.name, self.user, node, rules, signs) = grid, line
        self.type = grid.split("-")[0]
        self.rules = [r.strip() for r in rules.split(",") if r.strip()]
        self.may = dict(zip(columns, (c == "+" for c in signs.split()), strict=True))
        self.exists = not grid.endswith("-name") and self.type != "txn"
        self.by = node[3:] if node.startswith("by ") else None
        self.node = node.split() if node and not self.by else None
        # A user of acme means acme's names: where there is one of main's, it must not be what he gets at.
        tenant = "acme" if "@acme" in self.user and not self.exists else "main"
        self.object = Thing(self.type, f"{self.type[0]}{number:02d}{grid[len(self.type):]}x", tenant)

    def bindings(self):
        """The rules, and the same ones for what is not there, so that only existence tells them apart."""
        both = [self.object] if self.type == "tenant" else [self.object, self.object.absent()]
        return [binding(r, o) for r in self.rules for o in both]

    def __str__(self):
        return f"[{self.grid}] {self.name}"


class Thing:
    """What is asked about: a topic, a group, a transactional id, a tenant."""

    def __init__(self, kind, name, tenant="main", id=None, open=None):
        self.type, self.name, self.tenant, self.id, self.open = kind, name, tenant, id, open
        self.token = None	# of a tenant: ghost's

    @property
    def path(self):
        return f"/{self.tenant}" if self.type == "tenant" else f"/{self.tenant}/{self.type}s/{self.name}"

    @property
    def inside(self):
        """What an operator enters to get at it."""
        return None if self.tenant == "main" else self.tenant

    def absent(self):
        """Another name, as long as this one, of which there is nothing."""
        return Thing(self.type, self.name[:-1] + "y", self.tenant, id=b"\x5a" * 16, open=self.open)


def read_table():
    """(cells by grid, apis)"""
    grids, apis, columns, grid = {}, [], [], None
    for line in TABLE.read_text().split("\n"):
        if line.startswith("["):
            grid = line.strip("[]")
            grids[grid] = []
        elif line.startswith("# cell"):
            columns = line.split("|")[-1].split()
        elif line and not line.startswith("#"):
            fields = [f.strip() for f in line.split("|")]
            if grid == "apis":
                apis.append(Api(fields))
            else:
                grids[grid].append(Cell(grid, len(grids[grid]), fields, columns))
    del grids["apis"]
    return grids, apis


def keys():
    """The SCRAM keys of PASSWORD, as UserAlter takes them."""
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salty", 4096)
    client = hmac.new(salted, b"Client Key", "sha256").digest()
    return [{"mechanism": "SCRAM-SHA-256", "salt": b"salty", "iterations": 4096,
             "stored_key": hashlib.sha256(client).digest(),
             "server_key": hmac.new(salted, b"Server Key", "sha256").digest()}]


class Refused(Exception):
    """Making the world went wrong."""


def no_errors(answer, *fine):
    """The answer, if no error_code in it is one."""
    def walk(value):
        if isinstance(value, dict):
            if value.get("error_code", 0) not in (0, *fine):
                raise Refused(answer)
            value = list(value.values())
        for one in value if isinstance(value, list) else []:
            walk(one)
    walk(answer)
    return answer


class Connection:
    """A client that shows the bytes of an answer, and comes back after the broker hung up."""

    def __init__(self, site, user, port=None):
        self.site, self.user, self.port = site, user, port or site.broker.port
        self.client = None

    def open(self):
        context = ssl.create_default_context(cafile=self.site.ca)
        self.client = twin.Client("127.0.0.1", self.port, schema=self.site.schema, ssl_context=context,
                                  server_hostname="127.0.0.1", timeout=60)
        if self.user == "admin":
            c = self.site.broker.conf()
            no_errors(self.client.sasl_scram(c["sasl.username"], c["sasl.password"]))
        elif self.user not in (ANONYMOUS, None):
            no_errors(self.client.sasl_scram(self.user, PASSWORD))

    def call(self, api, version, **value):
        """(the answer, its bytes behind the correlation id), or (None, "closed")."""
        if self.client is None:
            self.open()
        try:
            self.client.send(api, version, value)
            frame = self.client.read_frame()
        except (EOFError, OSError):
            self.close()
            return None, b"closed"
        return self.site.schema[api].decode_response(version, frame)[1], frame[4:]

    def close(self):
        if self.client is not None:
            self.client.close()
            self.client = None


class Site:
    """The broker with everything that the cells speak of."""

    def __init__(self, cells=True, settings=""):
        self.schema = twin.Schema()
        self.broker = Broker(f"{SETTINGS}\n{settings}")
        self.anonymous_port = free_port()
        self.broker.add_listener("OPEN", f"address: 127.0.0.1:{self.anonymous_port}\nprotocol: SSL\n"
                                         "client.auth: none\nallow.anonymous: true")
        self.broker.start()
        self.ca = self.broker.conf()["ssl.ca.location"]
        self.connections = {}
        self.keys = keys()
        self.grids, self.apis = read_table()
        try:
            if cells:
                self.make()
        except BaseException:
            self.hang_up()
            self.broker.kill()		# nobody else would
            raise

    def restart(self):
        self.hang_up()
        self.broker.restart()

    def hang_up(self):
        for c in self.connections.values():
            c.close()
        self.connections = {}

    def remove(self):
        self.hang_up()
        self.broker.remove()

    def connection(self, user, tenant=None):
        """tenant: an operator's connection that has entered it."""
        at = self.connections.get((user, tenant))
        if at is None:
            at = Connection(self, user, self.anonymous_port if user == ANONYMOUS else None)
            self.connections[user, tenant] = at
            if tenant:
                no_errors(at.call("enter", 0, tenant=tenant)[0])
        return at

    def do(self, api, version, *fine, inside=None, **value):
        """As the operator, who may have entered a tenant; must go well."""
        return no_errors(self.connection("admin", inside).call(api, version, **value)[0], *fine)

    # Making it.

    def make(self):
        self.team("main", "crew")
        self.team("main", "tools")
        self.team("main", "admins")
        self.users("main", ["olga", "stan", "rita", "pia", "wilma", "wanda", "clara", "carl"])
        self.users("main", ["tom", "olive"], "crew")
        self.users("main", ["tess"], "tools")
        self.do("team_alter", 0, changes=[{"action": 2, "team": "crew", "users": ["tess"]},
                                          {"action": 3, "team": "tools", "users": ["tess"]}])
        self.users("main", ["tina"], "admins")
        self.do("tenant_alter", 0, tenant="acme", action=0, admin="boss", admin_mechanisms=["SCRAM-SHA-256"],
                keys=self.keys)
        self.users("acme", ["fred"])
        self.open = self.make_open("main")
        acmes = self.make_open("acme")
        cells = [c for g in self.grids.values() for c in g]
        for c in cells:
            c.object.open = acmes if c.object.tenant == "acme" else self.open
            if c.type == "tenant":
                self.make_tenant(c)
        self.make_topics([c for c in cells if c.type == "topic" and c.exists])
        self.make_groups([c for c in cells if c.type == "group" and c.exists])
        self.set("/main/groups", mode=0o770)
        self.set("/main/txns", mode=0o770)
        self.rules("main", [r for c in cells if c.type != "tenant" for r in c.bindings()])

    def users(self, tenant, names, team=None):
        self.do("user_alter", 0, tenant=tenant, changes=[
            {"action": 0, "user": n, "mechanisms": ["SCRAM-SHA-256"], "primary_team": team, "keys": self.keys}
            for n in names])

    def team(self, tenant, name):
        self.do("team_alter", 0, 92, tenant=tenant, changes=[{"action": 0, "team": name, "users": []}])

    def set(self, path, owner=None, team=None, mode=None):
        modes = {} if mode is None else {"mode_clear": 0o777, "mode_set": mode}
        tenant = path.split("/")[1]
        self.do("tree_set", 0, tenant=tenant, changes=[{"path": path, "owner": owner, "force": True, **modes,
                                                        "team": "" if team == "-" else team}])

    def rules(self, tenant, bindings):
        if bindings:
            self.do("create_acls", 3, inside=None if tenant == "main" else tenant, creations=bindings)

    def make_open(self, tenant):
        """A topic and a group that are everybody's, for the requests that need both."""
        inside = None if tenant == "main" else tenant
        topic = {"name": "open", "num_partitions": 1, "replication_factor": 1}
        made = self.do("create_topics", 7, inside=inside, topics=[topic])
        thing = Thing("topic", "open", tenant, id=made["topics"][0]["topic_id"])
        self.do("group_create", 0, tenant=tenant, group="open")
        self.set(thing.path, mode=0o777)
        self.set(f"/{tenant}/groups/open", mode=0o777)
        # A group that nobody used is not there for OffsetDelete.
        no_errors(self.connection("admin", inside).call("offset_commit", 9, **ASKS["offset_commit", "group"].request(
            Thing("group", "open", open=thing), 9))[0])
        return thing

    def make_topics(self, cells):
        made = self.do("create_topics", 7, topics=[
            {"name": c.object.name, "num_partitions": 1, "replication_factor": 1} for c in cells])
        for c, t in zip(cells, made["topics"], strict=True):
            assert c.object.name == t["name"]
            c.object.id = t["topic_id"]
        self.nodes(cells)
        for c in cells:
            self.commit("open", c.object)

    def nodes(self, cells):
        self.do("tree_set", 0, changes=[
            {"path": c.object.path, "owner": c.node[0], "team": "" if c.node[1] == "-" else c.node[1],
             "mode_clear": 0o777, "mode_set": int(c.node[2], 8), "force": True} for c in cells])

    def make_groups(self, cells):
        for c in cells:
            if c.node:
                self.do("group_create", 0, 42, group=c.object.name)
            self.commit(c.object.name, self.open, c.by or "admin")
        self.nodes([c for c in cells if c.node])

    def commit(self, group, topic, user="admin"):
        request = ASKS["offset_commit", "group"].request(Thing("group", group, open=topic), 9)
        no_errors(self.connection(user).call("offset_commit", 9, **request)[0])

    def make_tenant(self, c):
        """What is said in matrix.table; and a group "hers" that only the tenant's DESCRIBE shows."""
        name = c.object.tenant = c.object.name
        self.do("tenant_alter", 0, tenant=name, action=0, admin="boss", admin_mechanisms=["SCRAM-SHA-256"],
                keys=self.keys)
        self.team(name, "admins")
        self.team(name, "hidden")
        self.users(name, ["plain", "ghost"])
        self.users(name, ["mem"], "admins")
        topic = self.do("create_topics", 7, inside=name, topics=[
            {"name": "open", "num_partitions": 1, "replication_factor": 1}])["topics"][0]
        self.do("group_create", 0, tenant=name, group="hers", owner="ghost", mode=0o700)
        no_errors(self.connection("admin", name).call("offset_commit", 9, **ASKS["offset_commit", "group"].request(
            Thing("group", "hers", open=Thing("topic", "open", id=topic["topic_id"])), 9))[0])
        c.object.token = self.do("create_delegation_token", 3, inside=name, owner_principal_type="User",
                                 owner_principal_name="ghost", renewers=[], max_lifetime_ms=-1)
        self.set(f"/{name}/groups", owner="ghost", team="-", mode=0o700)
        self.rules(name, [binding("allow User:* CREATE on group literal hers", c.object), *c.bindings()])
        self.set(f"/{name}", mode=int(c.node[0], 8))

    # Healing it.

    def cell(self, grids, o):
        return next((c for g in grids for c in self.grids[g] if c.object is o), None)

    def make_topic(self, o):
        """A topic that was deleted, again, with its node; rules of administrators outlive it."""
        c = self.cell(["topic"], o)
        if c:
            self.make_topics([c])

    def make_group(self, o):
        """A group that was deleted, again, with its node: as it was made."""
        c = self.cell(["group", "group-used"], o)
        if c and c.by:
            name = {"resource_type_filter": 3, "resource_name_filter": o.name, "pattern_type_filter": 3}
            self.do("delete_acls", 3, filters=[{**ANY_RULE, **name}])
            self.set("/main/groups", mode=0o772)
        if c:
            self.make_groups([c])
        if c and c.by:
            self.set("/main/groups", mode=0o770)
            self.rules("main", c.bindings())

    def leave(self, o, member):
        self.do("leave_group", 5, inside=o.inside, group_id=o.name, members=[
            {"member_id": member, "group_instance_id": None}])
        self.forget_if_made(o)

    def forget_if_made(self, o):
        """A group that came to be where there was none."""
        if not self.cell(["group", "group-used"], o):
            self.do("delete_groups", 2, 69, inside=o.inside, groups_names=[o.name])

    # Asking.

    def user(self, c):
        """The connection of the cell's user."""
        if c.type == "tenant" and c.user == "admin":
            return self.connection("admin", c.object.tenant)
        return self.connection(f"{c.user}@{c.object.tenant}" if c.type == "tenant" else c.user)

    def why(self, c, op, path, oneself):
        """Whether `why` says that it is allowed: as the operator, or as the user about himself."""
        ask = {"operation": OPS[op], "path": path, "host": HOST}
        if oneself:
            at = self.user(c)
        else:
            at = self.connection("admin")
            ask["user"] = c.user.split("@")[0]
        answer = at.call("why", 0, tenant=None, **ask)[0]
        return answer["allowed"] if answer["error_code"] == 0 else answer["error_code"]


def binding(text, o):
    """A rule as matrix.table writes it, as CreateAcls takes it."""
    words = text.split()
    rule = dict(permission_type={"deny": 2, "allow": 3}[words[0]], principal=words[1], operation=OPS[words[2]],
                host="*", resource_type=TYPES[o.type], resource_pattern_type=3,
                resource_name="kafka-cluster" if o.type == "tenant" else o.name)
    rest = words[3:]
    while rest:
        if rest[0] == "from":
            rule["host"], rest = rest[1], rest[2:]
        else:
            kind, pattern, name, rest = rest[1], rest[2], rest[3], rest[4:]
            rule.update(resource_type=TYPES[kind], resource_pattern_type={"literal": 3, "prefixed": 4}[pattern],
                        resource_name=name.replace("@", o.name))
    return rule
