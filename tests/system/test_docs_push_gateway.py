"""docs/push-gateway.md tells the truth: its commands are run in order in one shell, against a real server.

Providers are stand-ins, and what they got is looked at; the examples of verification are given what a hook really got.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from firmware_sim.webpush import decrypt
from tests.support import guides
from tests.support.hook_receiver import Received
from tests.support.providers import Providers, providing
from tests.support.servers import serving
from tests.support.tools import ci_or_skip

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "push-gateway.md").read_text()
FOOTFALL_JS = (ROOT / "push" / "console" / "app" / "footfall.js").read_text()
INSTALLED = {"pip install '.[server]'", "footfall-push run"}
"""What is not executed here: the wheel's own tests install, and other tests start the process."""
READY = "Your order 4711 can be collected."


def example(name: str) -> str:
    """The block below a comment that names it."""
    found = re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None, name
    return found[1]


def test_every_block_of_commands_says_what_it_prints() -> None:
    assert len(guides.steps(GUIDE)) > 20


def test_what_is_not_executed_is_how_to_install_and_start() -> None:
    [block] = re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)
    assert {line.removeprefix("$ ").partition("  ")[0] for line in block.splitlines()} == INSTALLED


async def test_every_command_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    for tool in ("curl", "openssl", "base64", "awk"):
        ci_or_skip(tool)
    async with providing(tmp_path) as providers, serving(providers.settings()) as server:
        typed = [step._replace(commands=providers.typed(step.commands)) for step in guides.steps(GUIDE)]
        environment = {"FOOTFALL": server.running.http_url, **providers.environment()}
        await guides.check(typed, tmp_path, environment)
    _everybody_got_what_was_sent(providers)
    secret = json.loads((tmp_path / "hook.json").read_text())["secret"]
    taken = [request for request in providers.events.taken if request.body["type"] == "message.accepted"]
    assert taken
    await asyncio.to_thread(_the_examples_verify, tmp_path, secret, taken[0])


def _everybody_got_what_was_sent(providers: Providers) -> None:
    bodies = [json.loads(decrypt(request.body, providers.keys)) for request in providers.push.requests]
    assert [body["body"] for body in bodies] == [READY, READY]  # a browser, and an app on UnifiedPush
    shown = [asked.message["notification"] for asked in providers.fcm.asked if ":" in asked.message["token"]]
    assert [each["body"] for each in shown] == [READY, "Tap to read it"]  # the second app is private
    assert [call.payload["aps"]["alert"]["body"] for call in providers.apns.calls if call.device == "ab" * 32] == [
        READY
    ]
    assert providers.sms.sent == [{"From": "SHOP", "To": "+49301234567", "Body": f"Ready: {READY} "}]
    refused = [dict(parse_qsl(r.body.decode()))["To"] for r in providers.sms.requests if b"15005550001" in r.body]
    assert set(refused) == {"+15005550001"}
    recipients = Counter(mail.recipient.partition("@")[0] for mail in providers.mail.mails)
    assert recipients == {"ada": 5, "bob": 1, "grace": 1, "joan": 1}  # a repeated mailing is no second one
    [offer] = [received.mail for received in providers.mail.mails if received.recipient == "bob@example.com"]
    assert offer["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    posted = [json.loads(request.body) for request in providers.own.requests if request.method == "POST"]
    assert [set(each) for each in posted] == [set(json.loads(example("webhook")))]


def _the_examples_verify(folder: Path, secret: str, request: Received) -> None:
    """Both say yes to what was posted, and no to another body, secret, or time."""
    (folder / "verify.py").write_text(example("verify.py"))
    (folder / "verify.mjs").write_text(example("verify.mjs"))
    headers, body, other = request.headers, request.raw.decode(), "whsec_" + "A" * 44
    late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    bare = {name: value for name, value in headers.items() if not name.startswith("webhook-")}
    odd = {**headers, "webhook-signature": "v1,\u00fc v2,x"}
    cases = [
        (secret, headers, body), (secret, headers, body + " "), (other, headers, body), (secret, late, body),
        (secret, bare, body), (secret, odd, body),
    ]  # fmt: skip
    asked, said = json.dumps(cases), [True, *[False] * 5]
    python = (
        "import json, sys; from verify import is_ours; "
        "print(json.dumps([is_ours(s, h, b.encode()) for s, h, b in json.load(sys.stdin)]))"
    )
    node = (
        'import { isOurs } from "./verify.mjs"; import { readFileSync } from "node:fs"; const all = '
        "JSON.parse(readFileSync(0)); console.log(JSON.stringify(all.map(([s, h, b]) => isOurs(s, h, Buffer.from(b)))))"
    )
    assert _printed([sys.executable, "-c", python], folder, asked) == said
    assert _printed([ci_or_skip("node"), "--input-type=module", "-e", node], folder, asked) == said


def _printed(command: list[str], folder: Path, asked: str) -> object:
    ran = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - ours
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_every_example_for_browsers_is_javascript_that_names_what_there_is(tmp_path: Path) -> None:
    node = ci_or_skip("node")
    blocks = re.findall(r"```js\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == 3
    for number, block in enumerate(blocks):
        path = tmp_path / f"example{number}.mjs"
        path.write_text(block)
        subprocess.run([node, "--check", str(path)], check=True, timeout=30)  # noqa: S603 - ours
        for method in re.findall(r"\bfootfall\.(\w+)\(|\bFootfall\.(\w+)\(", block):
            assert re.search(rf"^  (?:static )?(?:async )?{''.join(method)}\(", FOOTFALL_JS, re.MULTILINE), method
