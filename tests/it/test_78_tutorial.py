# SPDX-License-Identifier: Apache-2.0
"""schloss-tutorial(7), typed from the first line to the last in one shell: each command shows what the page shows."""
import re
import subprocess

from harness import BUILD, ROOT, SANITIZED, free_port
from manual import examples

PAGE = "schloss-tutorial.7"


def sections():
    return re.findall(r"(?m)^\.Sh (.*)$", (ROOT / "man" / PAGE).read_text())


def dialogue():
    """What is typed, and the lines that are seen then, one after the other."""
    talk = []
    for section in sections()[:-1]:
        for block in examples(PAGE, section):
            for line in block:
                if line.startswith("$ "):
                    talk.append((line[2:], []))
                else:
                    talk[-1][1].append(line)
    return talk


def pattern(lines):
    """Dots stand for anything: on a line of their own for any lines."""
    out = ""
    for line in lines:
        if line == "...":
            out += "(?:.*\n)*"
        else:
            words = [re.escape(part) for part in line.split("...")]
            out += "[^\n]*".join(words) + "\n"
    return out


def typed(command, port):
    """As it is typed, but for the port, which others may have; and nobody types before the broker is up."""
    if command == "schlossd init castle":
        return f"{command} --listen 127.0.0.1:{port}"
    if command.startswith("schlossd -c"):
        return f"{command}\nuntil grep -q ' ready ' castle/log; do sleep 0.1; done"
    if command.endswith(">seen 2>&1 &"):
        return f"{command}\nuntil schlossctl connections | grep -q anna; do sleep 0.1; done"
    return command


def test_each_command_shows_what_the_page_shows(tmp_path):
    talk, port = dialogue(), free_port()
    assert len(talk) > 40
    script = "".join(f"echo @@@\n{typed(command, port)}\n" for command, _ in talk)
    (tmp_path / "typed").write_text(script + "rm typed\n")
    done = subprocess.run(["bash", "typed"], text=True, cwd=tmp_path, timeout=240, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, env={"PATH": f"{BUILD}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(tmp_path),
                               "ASAN_OPTIONS": SANITIZED, "PWD": str(tmp_path)})
    told = done.stdout.split("@@@\n")[1:]
    wrong = []
    for (command, wanted), seen in zip(talk, told, strict=True):
        seen = re.sub(r"(?m)^% Reading configuration from file .*\n", "", seen)
        seen = re.sub(r"(?m) +$", "", seen)
        if re.fullmatch(pattern(wanted), seen) is None:
            wrong.append(f"$ {command}\n{seen}--- the page:\n" + "\n".join(wanted))
    assert wrong == [], "\n\n".join(wrong)
    assert list(tmp_path.iterdir()) == []


def test_no_line_is_too_long():
    """For a terminal of eighty columns; a command may be, which the terminal wraps."""
    for command, seen in dialogue():
        assert all(len(line) <= 78 for line in seen), command
