# SPDX-License-Identifier: Apache-2.0
"""Some thousand questions, most of them odd, are answered as Apache Kafka 4.3.1 answered them (kafka_answers.py)."""
import json

import hostile
import kafka_answers
import pytest
from harness import ROOT


@pytest.fixture(scope="module")
def site():
    s = hostile.Site("group.initial.rebalance.delay.ms: 0\noffsets.topic.num.partitions: 4")
    yield s
    s.remove()


def test_answers_are_kafkas(site):
    page = (ROOT / "doc/PROTOCOL.md").read_text()
    wrong, n = [], 0
    for i, (api, version, request, answer) in enumerate(kafka_answers.lines(), 1):
        with site.client() as client:
            got = kafka_answers.ask(client, api, version, request)
        if isinstance(answer, int):
            assert f"\n{answer}. **" in page, f"line {i}: there is no deviation {answer}"
            continue
        n += 1
        if got != answer:
            wrong.append(f"line {i}: {api} {version} {json.dumps(request)[:200]}\n  Kafka   {json.dumps(answer)[:400]}\n"
                         f"  Schloss {json.dumps(got)[:400]}")
    assert not wrong, f"{len(wrong)} answers differ\n" + "\n".join(wrong[:20])
    assert n == 978  # the rest deviates
    site.undisturbed()
