# SPDX-License-Identifier: Apache-2.0
"""Fetches other people's clients by their package managers, once, below the build directory; or says why not."""
import pathlib
import re
import shutil
import subprocess

from harness import BUILD, Failed

KAFKA = "4.3.1"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>schloss</groupId><artifactId>foreign</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
{}
</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>org.apache.kafka</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


class Unavailable(Exception):
    """It cannot be had here; str() is the reason."""


def had(get, *args, **more):
    """What one of the functions below gives; where it cannot be had the test is skipped, with the reason."""
    import pytest		# tests/long does without
    try:
        return get(*args, **more)
    except Unavailable as e:
        pytest.skip(str(e))


def once(name, programs, fetch, limit):
    """The directory of that name, which fetch(directory, call) filled now or earlier; limit: seconds for a call."""
    for p in programs:
        if not shutil.which(p):
            raise Unavailable(f"no {p}")
    d = pathlib.Path(BUILD).resolve() / "foreign" / name
    done = d / ".complete"
    if not done.exists():
        shutil.rmtree(d, ignore_errors=True)
        d.mkdir(parents=True)
        with open(d / "fetch.log", "w") as log:
            fetch(d, lambda *argv, cwd=d: subprocess.run(
                [str(a) for a in argv], cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=limit,
                check=True))
        done.touch()
    return d


def reached(name, programs, fetch, limit=300):
    try:
        return once(name, programs, fetch, limit)
    except subprocess.SubprocessError as e:
        raise Unavailable(f"{name} could not be fetched: {e}") from None


def jars(name, *artifacts, version=KAFKA, more=""):
    """Parts of Apache Kafka with all they need, for java -cp DIR/*. more: other dependencies, as in a POM."""
    def fetch(d, call):
        wanted = "\n".join(DEPENDENCY.format(a, version) for a in artifacts)
        (d / "pom.xml").write_text(POM.format(wanted + more))
        call("mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={d / 'libs'}", "-DincludeScope=runtime")
    return reached(f"{name}-{version}", ["java", "mvn"], fetch) / "libs"


def kafka_jars():
    """Its tools."""
    return jars("kafka", "kafka-tools", "kafka_2.13")


def any_client_java(to, version=KAFKA):
    """AnyClient.java, compiled to that directory: the command before its arguments."""
    libs = jars("clients", "kafka-clients", version=version)
    subprocess.run(["javac", "-d", to, "-cp", f"{libs}/*", pathlib.Path(__file__).with_name("AnyClient.java")], check=True, timeout=120)
    return ["java", "-XX:TieredStopAtLevel=1", "-Xmx128m", "-cp", f"{to}:{libs}/*", "AnyClient"]


def streams_jars():
    return jars("streams", "kafka-streams")


def node_modules(*packages):
    """A directory with these npm packages, in which scripts can be run."""
    def fetch(d, call):
        (d / "package.json").write_text('{"private": true}\n')
        call("npm", "install", "--no-audit", "--no-fund", *packages)
    return reached("node", ["node", "npm"], fetch)


def python_modules(*packages):
    """A directory with these wheels, for PYTHONPATH of /usr/bin/python3."""
    def fetch(d, call):
        call("/usr/bin/python3", "-m", "pip", "install", "-q", "--only-binary", ":all:", "--target", d / "libs", *packages)
    return reached("python-" + "-".join(packages), ["pip3"], fetch) / "libs"


def go_program(name, modules, sources):
    """The program of these sources, {file: text}: its modules (PATH@VERSION) are fetched and compiled once, it each time."""
    def fetch(d, call):
        paths = sorted(set(re.findall(r'(?m)^\t(?:\w+ )?"(\w+\.\w+/.*)"$', "".join(sources.values()))))
        (d / "main.go").write_text("package main\n\nimport (\n" + "".join(f'\t_ "{p}"\n' for p in paths) + ")\n\nfunc main() {}\n")
        call("go", "mod", "init", "schloss/" + name)
        call("go", "get", *modules)
        call("go", "mod", "tidy")
        call("go", "build", "-o", "program", ".")
    d = reached(name, ["go"], fetch, 900)
    for file, source in sources.items():
        (d / file).write_text(source)
    p = subprocess.run(["go", "build", "-mod=mod", "-o", "program", "."], cwd=d, capture_output=True, text=True, timeout=600, check=False)
    if p.returncode != 0:
        raise Failed(f"{name} does not compile:\n{p.stderr}")
    return d / "program"


def librdkafka_tests(version="1.10.1"):
    """librdkafka's own tests, built; its sources come with the npm package that wraps it. One broker is enough
    for the tests that ask for three replicas."""
    def fetch(d, call):
        call("npm", "pack", f"@confluentinc/kafka-javascript@{version}")
        call("tar", "xzf", *d.glob("*.tgz"))
        src = d / "package/deps/librdkafka"
        for pattern, old, new in (("0103-*", ", 3, 5000)", ", 1, 5000)"), ("0107-*", ", 3, 5000)", ", 1, 5000)"),
                                  ("0142-*", ", 3, 5000)", ", 1, 5000)"), ("0111-*", "topic.c_str(), 1, 3)", "topic.c_str(), 1, 1)")):
            for path in (src / "tests").glob(pattern):
                path.write_text(path.read_text().replace(old, new))
        call("./configure", "--disable-curl", cwd=src)
        call("make", "-j2", "libs", cwd=src)
        call("make", "-j2", "-C", "tests", "build", cwd=src)
    return reached("librdkafka", ["npm", "tar", "make", "gcc", "g++"], fetch, 1500) / "package/deps/librdkafka/tests"
