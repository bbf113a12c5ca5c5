"""evidence-verify.html in a real browser: from a file, with the network off, phone first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from builders.browser import chromium, serious_findings, take_screen
from builders.bundling import bundle_of, trust_of
from builders.cases import LATER, PRIVATE, SUB, grown
from builders.certificate_pdfs import Office, certificate_of, office, seal, with_members
from builders.chain import Chain
from builders.corpus import held
from builders.signing import digests_of, private_fields
from playwright.sync_api import Browser, Page, expect

from node.core.encoding import canonical_json
from node.core.trust import decode_trust
from node.core.verify import STEPS, verify_bundle
from node.core.verify_certificate import verify_certificate
from node.verifiers.building import build_html

PHONE = {"width": 360, "height": 740}
ODD = "南\u202e某\u200b<b id=owned>\U000e0041𠮷"
DESK = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, a bundle, certificates and trust files, in a folder."""
    folder = tmp_path_factory.mktemp("files")
    made: Office = office(folder, grown(with_members()))
    (folder / "verify.html").write_bytes(build_html())
    (folder / "trust.json").write_bytes(trust_of(made.chain))
    (folder / "seal-trust.json").write_bytes(made.trust)
    (folder / "other-trust.json").write_bytes(trust_of(Chain(chain_id="seal-other")))
    bundle = made.bundle(disclosures=[*PRIVATE, *LATER])
    (folder / "bundle.json").write_bytes(bundle)
    (folder / "odd.json").write_bytes(canonical_json(odd_bundle()))
    (folder / "odd-trust.json").write_bytes(trust_of(Chain()))
    forged = json.loads(bundle)
    forged["entries"].pop()
    (folder / "withheld.json").write_bytes(canonical_json(forged))
    (folder / "certificate.pdf").write_bytes(seal(certificate_of(made), made))
    exchanged = (folder / "certificate.pdf").read_bytes()
    (folder / "changed.pdf").write_bytes(exchanged.replace(b"/Title", b"/Titel", 1))
    (folder / "garbage.json").write_bytes(bytes(range(256)) * 40)
    return folder


@pytest.fixture(scope="module")
def browser(files: Path) -> Iterator[Browser]:
    """Started when the files are made: what makes them has an event loop of its own."""
    with chromium() as running:
        yield running


def odd_bundle() -> dict[str, Any]:
    """A bundle with a private field that would reorder, hide and mark up what is around it."""
    told = private_fields({"initiator": ODD})
    chain = Chain()
    chain.commit_block(chain.jwt(**digests_of(told)))
    chain.commit_block()
    chain.commit_block()
    return bundle_of(chain, SUB, disclosures=told)


class Verifier:
    """The page in one tab. Whatever it asks for or complains of is kept in ``noise``."""

    def __init__(self, page: Page, files: Path) -> None:
        self.page = page
        self.noise: list[str] = []
        self._files = files
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self.noise.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.noise.append(f"error: {error}"))
        page.on("request", lambda request: self.noise.append(f"request: {request.url}"))
        page.goto((files / "verify.html").as_uri())
        self.noise.remove(f"request: {(files / 'verify.html').as_uri()}")

    def choose(self, name: str, file: str | Path) -> None:
        """Choose a file by its input, and wait until the page has read it."""
        self.page.set_input_files(f"#{name}", self._files / file)
        self.page.wait_for_selector(f"#{name}-chosen")

    def path(self, file: str | Path) -> Path:
        return self._files / file

    def drop(self, *names: str) -> None:
        """Drop files on the page, in this order."""
        self.page.evaluate(
            """files => {
              const data = new DataTransfer();
              for (const [name, bytes] of files) {
                data.items.add(new File([new Uint8Array(bytes)], name));
              }
              document.querySelector("main").dispatchEvent(
                new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
            }""",
            [[name, list(self.path(name).read_bytes())] for name in names],
        )

    def verify(self, evidence: str | Path, trust: str | Path | None) -> None:
        """Choose files, press the button, wait for what comes of it."""
        self.choose("evidence", evidence)
        if trust is not None:
            self.choose("trust", trust)
        self.press()

    def press(self) -> None:
        self.page.click("button[type=submit]")
        self.page.wait_for_selector("#verdict, #refused, #fault:not([hidden])")

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Label and status of each step that is shown."""
        found: list[list[str]] = self.page.eval_on_selector_all(
            "[data-step]", "all => all.map(one => [one.dataset.step, one.dataset.status])"
        )
        return [(label, status) for label, status in found]

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)


@pytest.fixture
def tab(browser: Browser, files: Path, request: pytest.FixtureRequest) -> Iterator[Verifier]:
    """The page on a phone, or what ``request.param`` asks of the browser; silent to the end."""
    options: dict[str, Any] = {"viewport": PHONE, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    context.set_offline(True)
    verifier = Verifier(context.new_page(), files)
    yield verifier
    noise = verifier.noise
    context.close()
    assert noise == []


def expected(files: Path, evidence: str, trust: str) -> list[tuple[str, str]]:
    """What the verifier in Python says of a bundle."""
    report = verify_bundle((files / evidence).read_bytes(), (files / trust).read_bytes())
    return [(step.label, step.status) for step in report.steps]


def test_good_bundle_is_told_in_one_sentence_and_step_by_step(tab: Verifier, files: Path) -> None:
    tab.verify("bundle.json", "trust.json")
    assert tab.text("#verdict") == "✓ 没有不通过的步骤"
    assert "3 条记录均由各自的提交方签名" in tab.text(".claim")
    assert "内容是否真实，不在核验范围内" in tab.text(".verdict")
    assert tab.steps == expected(files, "bundle.json", "trust.json")
    assert tab.page.locator("[data-step] .why").count() == len(STEPS)
    assert tab.page.evaluate("document.activeElement.id") == "verdict"
    assert "核验完毕" in tab.text("[role=status]")


def test_records_are_shown_with_their_times_and_disclosures(tab: Verifier) -> None:
    tab.verify("bundle.json", "trust.json")
    cards = tab.page.locator("[data-code]")
    assert cards.count() == 3
    first = cards.nth(0).inner_text()
    for text in ("发起签约", "platform-a", "发生（提交方所述）", "上链", "待盖章文件", "南某"):
        assert text in first
    assert len(re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", first)) == 4


def test_fingerprint_stands_there_to_be_compared(tab: Verifier, files: Path) -> None:
    tab.verify("bundle.json", "trust.json")
    lines = tab.page.locator("section.note .hash").all_inner_texts()
    digest = decode_trust((files / "trust.json").read_bytes()).fingerprint.hex()
    assert "".join(lines).replace(" ", "") == digest
    assert [len(line.split(" ")) for line in lines] == [8, 8]
    heights = tab.page.eval_on_selector_all(
        "section.note .hash", "all => all.map(one => one.getClientRects().length)"
    )
    tall = tab.page.eval_on_selector_all(
        "section.note .hash",
        "all => all.map(one => one.offsetHeight / parseFloat(getComputedStyle(one).lineHeight))",
    )
    assert heights == [1, 1]
    assert all(lines < 1.5 for lines in tall), "each is one line, on a phone too"


def test_withheld_last_record_is_refused_and_nothing_of_it_shown(
    tab: Verifier, files: Path
) -> None:
    tab.verify("withheld.json", "trust.json")
    assert tab.text("#verdict") == "✗ 核验不通过"
    assert "第 10 步“记录完整性（至最后一条）”不通过" in tab.text(".claim")
    assert tab.steps == expected(files, "withheld.json", "trust.json")
    assert "已核验的记录" not in tab.text("#result")
    assert tab.page.locator("[data-code]").count() == 0


def test_key_that_was_reported_compromised_is_said_in_the_one_sentence(tab: Verifier) -> None:
    [case] = [one for one in held() if one.name == "key-reported-compromised"]
    tab.page.set_input_files(
        "#evidence", {"name": "b.json", "mimeType": "application/json", "buffer": case.bundle}
    )
    tab.page.set_input_files(
        "#trust", {"name": "t.json", "mimeType": "application/json", "buffer": case.trust}
    )
    tab.page.wait_for_selector("#trust-chosen")
    tab.press()
    assert ("11", "not checked") in tab.steps
    assert "均由各自的提交方签名" not in tab.text(".claim")
    assert "不能证明是提交方本人签名" in tab.text(".claim")


def test_other_chains_trust_file_fails_in_the_second_step(tab: Verifier) -> None:
    tab.verify("bundle.json", "other-trust.json")
    assert tab.steps[1] == ("2", "failed")
    assert "链" in tab.text("[data-step='2']")


def test_garbage_fails_in_the_first_step(tab: Verifier) -> None:
    tab.verify("garbage.json", "trust.json")
    assert tab.steps[0] == ("1", "failed")
    assert {status for _, status in tab.steps[1:]} == {"not checked"}


def test_certificate_is_checked_with_a_trust_file(tab: Verifier, files: Path) -> None:
    tab.verify("certificate.pdf", "seal-trust.json")
    assert tab.text("#verdict") == "✓ 没有不通过的步骤"
    pdf, trust = ((files / name).read_bytes() for name in ("certificate.pdf", "seal-trust.json"))
    report = verify_certificate(pdf, trust)
    assert tab.steps == [(step.label, step.status) for step in report.all_steps]
    assert tab.page.locator("[data-code]").count() == 3
    labels = {label for label, _ in tab.steps if label.startswith("P") and "." not in label}
    reasons = tab.page.locator("[data-step^=P] .why").count()
    assert reasons == len(labels), "each step of the document says why it matters"


def test_certificate_with_its_own_trust_file_is_a_conditional_result(tab: Verifier) -> None:
    tab.verify("certificate.pdf", None)
    assert tab.text("#verdict") == "– 没有不通过的步骤，但信任文件尚待核对"
    assert "伪造证书者也可以附上自己的信任文件" in tab.text("#result")
    assert tab.page.locator("section.note .hash").count() == 2


def test_changed_certificate_is_refused(tab: Verifier, files: Path) -> None:
    tab.verify("changed.pdf", "seal-trust.json")
    pdf, trust = ((files / name).read_bytes() for name in ("changed.pdf", "seal-trust.json"))
    report = verify_certificate(pdf, trust)
    assert not report.accepted
    assert tab.steps == [(step.label, step.status) for step in report.all_steps]
    assert tab.text("#verdict") == "✗ 核验不通过"


def test_bundle_without_a_trust_file_is_not_checked(tab: Verifier) -> None:
    tab.verify("bundle.json", None)
    assert "证据包不能自证" in tab.text("#refused")
    assert tab.page.get_attribute("#refused", "role") == "alert"
    tab.choose("trust", "trust.json")
    tab.press()
    assert tab.text("#verdict") == "✓ 没有不通过的步骤"


def test_trust_file_that_is_none_is_named(tab: Verifier) -> None:
    tab.verify("bundle.json", "bundle.json")
    assert "信任文件不符合格式" in tab.text("#refused")
    assert "trust" in tab.text("#refused")
    tab.verify("trust.json", "trust.json")
    assert "所选的是信任文件" in tab.text("#refused")


def test_nothing_chosen_is_told(tab: Verifier) -> None:
    tab.press()
    assert "请先选择" in tab.text("#refused")


def test_file_beyond_the_limit_is_not_read(tab: Verifier, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(67_108_865)
    tab.page.set_input_files("#evidence", large)
    tab.page.wait_for_selector("#refused")
    assert "67108865 字节，超过上限 67108864" in tab.text("#refused")


def test_language_is_switched_with_the_result_in_place(tab: Verifier) -> None:
    tab.verify("bundle.json", "trust.json")
    tab.page.click("#language")
    assert tab.page.get_attribute("html", "lang") == "en"
    assert tab.text("#verdict") == "✓ No step failed"
    assert "Whether the content is true is not." in tab.text(".verdict")
    assert "Form of the bundle" in tab.text("[data-step='1']")
    chinese = set(re.findall(r"[\u4e00-\u9fff]+", tab.text("body")))
    assert chinese == {"中文", "待盖章文件", "南某"}, "the switch, and what was recorded"
    take_screen(tab.page, "html-verifier-phone-en")
    tab.page.click("#language")
    assert tab.text("#verdict") == "✓ 没有不通过的步骤"


def test_files_can_be_dropped_together(tab: Verifier) -> None:
    tab.drop("trust.json", "bundle.json")
    tab.page.wait_for_selector("#verdict")
    assert tab.text("#verdict") == "✓ 没有不通过的步骤"
    assert tab.text("#checked") == "所核验的文件：bundle.json"


def test_of_two_bundles_dropped_together_neither_is_passed_over(tab: Verifier) -> None:
    tab.choose("trust", "trust.json")
    tab.drop("withheld.json", "bundle.json")
    tab.page.wait_for_selector("#refused, #verdict")
    assert "一次只能核验一份" in tab.text("#refused")
    tab.press()
    assert "请先选择" in tab.text("#refused")


def test_file_that_cannot_be_read_does_not_leave_the_one_before_it(
    tab: Verifier, tmp_path: Path
) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(67_108_865)
    tab.verify("bundle.json", "trust.json")
    tab.page.set_input_files("#evidence", large)
    tab.page.wait_for_selector("#refused")
    assert tab.page.locator("#verdict, #evidence-chosen").count() == 0
    tab.press()
    assert "请先选择" in tab.text("#refused")


def test_result_is_never_shown_beside_a_file_that_was_chosen_meanwhile(tab: Verifier) -> None:
    tab.choose("evidence", "bundle.json")
    tab.choose("trust", "trust.json")
    tab.page.evaluate(
        """() => {
          const { verify } = SubtleCrypto.prototype;
          const gate = new Promise((resolve) => { globalThis.open_gate = resolve; });
          globalThis.began = new Promise((resolve) => {
            SubtleCrypto.prototype.verify = async function (...given) {
              resolve();
              await gate;
              return verify.apply(this, given);
            };
          });
          globalThis.verdicts = 0;
          new MutationObserver(() => {
            verdicts += document.querySelectorAll("#verdict").length;
          }).observe(document.body, { childList: true, subtree: true });
        }"""
    )
    tab.page.click("button[type=submit]")
    tab.page.evaluate("began")
    tab.page.set_input_files("#evidence", tab.path("withheld.json"))
    tab.page.evaluate("open_gate()")
    # Not by a script, which the page's policy forbids as soon as it has to look a second time.
    expect(tab.page.locator("#evidence-chosen")).to_contain_text("withheld")
    expect(tab.page.locator("#waiting")).to_have_text("")
    assert tab.page.evaluate("verdicts") == 0
    tab.press()
    assert tab.text("#verdict") == "✗ 核验不通过"
    assert tab.text("#checked") == "所核验的文件：withheld.json"


def test_it_is_used_by_keyboard_alone(tab: Verifier) -> None:
    tab.choose("evidence", "bundle.json")
    tab.choose("trust", "trust.json")
    tab.page.focus("#trust")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#verdict")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.tagName") == "SUMMARY"
    tab.page.keyboard.press("Enter")
    assert tab.page.locator("details[open] li").count() > 0


def test_what_cannot_be_seen_is_written_out(tab: Verifier, files: Path, tmp_path: Path) -> None:
    odd = tmp_path / "good\u202ef.json"
    odd.write_bytes((files / "odd.json").read_bytes())
    tab.verify(odd, "odd-trust.json")
    assert "good⟦U+202E⟧f.json" in tab.text("#result")
    assert "南⟦U+202E⟧某⟦U+200B⟧<b id=owned>⟦U+E0041⟧𠮷" in tab.text("[data-code]")
    assert not {"\u202e", "\u200b"} & set(tab.text("body"))
    assert tab.page.locator("#owned").count() == 0


def test_fault_of_the_program_is_told_and_leaves_no_result(tab: Verifier) -> None:
    tab.verify("bundle.json", "trust.json")
    tab.page.evaluate("Object.defineProperty(globalThis, 'TextDecoder', { value: null })")
    tab.page.evaluate("Object.defineProperty(Object, 'hasOwn', { value: null })")
    tab.page.click("button[type=submit]")
    tab.page.wait_for_selector("#fault:not([hidden])")
    assert "核验程序出错，本次没有核验结论" in tab.text("#fault")
    assert tab.page.locator("#verdict").count() == 0


@pytest.mark.parametrize(
    "tab",
    [
        {"viewport": PHONE},
        {"viewport": DESK},
        {"viewport": PHONE, "color_scheme": "dark"},
    ],
    indirect=True,
    ids=["phone", "desk", "dark"],
)
@pytest.mark.parametrize("evidence", ["certificate.pdf", "withheld.json"])
def test_it_is_readable_for_everybody(
    tab: Verifier, evidence: str, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.id.replace(".", "-")
    assert serious_findings(tab.page) == []
    tab.verify(evidence, "seal-trust.json" if evidence.endswith(".pdf") else "trust.json")
    assert serious_findings(tab.page) == []
    width = tab.page.evaluate("document.documentElement.scrollWidth")
    assert width == tab.page.viewport_size["width"], "nothing is wider than the screen"
    levels = tab.page.eval_on_selector_all(
        "h1, h2, h3, h4", "all => all.map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    take_screen(tab.page, f"html-verifier-{kind}")


def test_it_is_printed_whole(tab: Verifier) -> None:
    tab.verify("bundle.json", "trust.json")
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.page.emulate_media(media="print")
    assert tab.page.locator("details:not([open])").count() == 0
    assert not tab.page.is_visible("#chooser")
    assert tab.page.is_visible("#verdict")
    assert tab.page.pdf().startswith(b"%PDF-")


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_the_page_says_so(tab: Verifier) -> None:
    assert "请启用 JavaScript" in tab.text("main")


def test_policy_holds_against_the_pages_own_script(browser: Browser, files: Path) -> None:
    """Were a bundle to run something here, it could load and reach nothing."""
    page = browser.new_page()
    answered: list[str] = []
    refused: list[str | None] = []
    page.on("requestfinished", lambda request: answered.append(request.url))
    page.on("requestfailed", lambda request: refused.append(request.failure))
    page.goto((files / "verify.html").as_uri())
    tried = page.evaluate(
        """async () => {
          const image = new Promise((resolve) => {
            const made = new Image();
            made.onload = () => resolve("loaded");
            made.onerror = () => resolve("refused");
            made.src = "http://127.0.0.1:9/x.png";
          });
          const fetched = fetch("http://127.0.0.1:9/").then(() => "loaded", () => "refused");
          const script = document.createElement("script");
          script.textContent = "globalThis.owned = true";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<p onclick='globalThis.owned = true'>");
          document.body.lastElementChild.click();
          return [await image, await fetched, globalThis.owned === undefined];
        }"""
    )
    page.close()
    assert tried == ["refused", "refused", True]
    assert answered == [(files / "verify.html").as_uri()]
    assert set(refused) == {"csp"}
