"""What a certificate says: all of it from the verified bundle, or said to be unknown."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest
import segno
from builders.certified import (
    CASE,
    DESCRIPTION,
    IMPORTED,
    ISSUER,
    PICTURE,
    PRIVATE,
    RECORD,
    SEAL,
    Registry,
    all_texts,
    registry,
)
from builders.consortium import member_key
from builders.events import data_of, full_data_of

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput, InvalidProof
from node.core.trust import decode_trust
from node.core.verify import STEPS, verify_bundle
from node.evidence.certificates.composing import MAX_CERTIFIED_RECORDS
from node.evidence.certificates.port import Draft, SealingCertificate
from node.evidence.certificates.steps_told import MEANINGS

PRIVATE_VALUES = [
    text
    for fields in PRIVATE.values()
    for value in fields.values()
    for text in (value if isinstance(value, list) else [value])
]


@pytest.fixture(scope="module")
def ledger() -> Registry:
    return registry()


def attached(draft: Draft, name: str) -> bytes:
    return next(item.content for item in draft.attachments if item.name == name)


def section(draft: Draft, place: int) -> str:
    content = json.loads(draft.content)
    part = json.dumps(content["sections"][place - 1], ensure_ascii=False)
    return all_texts(replace(draft, content=part))


def test_sections_come_in_the_order_of_the_domain(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    headings = [item["heading"] for item in json.loads(draft.content)["sections"]]
    assert [heading.partition("、")[0] for heading in headings] == [
        "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四",
        "十五", "十六",
    ]  # fmt: skip


@pytest.mark.parametrize("subject", [CASE, SEAL, IMPORTED, RECORD])
def test_attached_files_verify_and_prove_the_issuers_key(ledger: Registry, subject: str) -> None:
    draft = ledger.compose(ledger.order(subject))
    bundle, trust = attached(draft, "bundle.json"), attached(draft, "trust.json")
    assert verify_bundle(bundle, trust).accepted
    proven = {item["key"] for item in json.loads(bundle)["state"]}
    assert {"member/operator-a", f"key/{member_key('operator-a').kid}"} <= proven


def test_private_fields_are_shown_where_disclosed_and_only_there(ledger: Registry) -> None:
    hidden = all_texts(ledger.compose(ledger.order(CASE)))
    assert [value for value in PRIVATE_VALUES if value in hidden] == []
    assert "至多" in hidden
    shown = all_texts(ledger.compose(ledger.order(CASE, disclosed=True)))
    assert [value for value in PRIVATE_VALUES if value not in shown] == []


def test_one_disclosure_shows_one_value(ledger: Registry) -> None:
    whole = ledger.order(CASE, disclosed=True).disclosures
    for given in whole:
        order = ledger.order(CASE, disclosures=(given,))
        texts = all_texts(ledger.compose(order))
        assert sum(value in texts for value in PRIVATE_VALUES) == 1


def test_disclosure_of_another_dossier_is_refused(ledger: Registry) -> None:
    other = ledger.order(RECORD, disclosed=True).disclosures
    with pytest.raises(InvalidInput, match="disclosures"):
        ledger.compose(ledger.order(CASE, disclosures=other))


def test_each_event_has_its_four_times(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    blocks = json.loads(draft.content)["sections"][5]["blocks"]
    events = next(block for block in blocks if block["k"] == "timeline")["events"]
    bundle = json.loads(attached(draft, "bundle.json"))
    assert len(events) == len(bundle["entries"]) == 6
    for event in events:
        occurred, collected, submitted, recorded = event["times"]
        assert occurred[0] < recorded[0] <= recorded[1]
        assert submitted[0][:19] <= recorded[1][:19]
        assert collected == ["未存证"]
        assert event["known"] == [True, False, True, True]


def test_late_record_says_so(ledger: Registry) -> None:
    assert "迟报：晚于发生时间 3 天" in section(ledger.compose(ledger.order(RECORD)), 6)
    assert "迟报" in section(ledger.compose(ledger.order(RECORD)), 12)


def test_hashes_can_be_read_aloud(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    for line in section(draft, 7).splitlines():
        assert not (len(line) >= 32 and all(one in "0123456789abcdef" for one in line))
    final = hashlib.sha256(f"{CASE}/0".encode()).hexdigest()
    groups = [final[place : place + 4] for place in range(0, 64, 4)]
    assert " ".join(groups[:8]) in section(draft, 7)
    assert " ".join(groups[8:]) in section(draft, 7)


def test_all_steps_are_told_with_what_they_mean(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    report = verify_bundle(attached(draft, "bundle.json"), attached(draft, "trust.json"))
    blocks = json.loads(draft.content)["sections"][13]["blocks"]
    rows = next(block for block in blocks if block["k"] == "steps")["rows"]
    whole = [step for step in report.steps if not step.part]
    assert [(row["label"], row["status"]) for row in rows] == [
        (step.label, step.status) for step in whole
    ]
    assert list(MEANINGS) == [step.id for step in STEPS]
    assert all(row["meaning"] for row in rows)


def test_unknown_things_are_called_unknown(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    assert "没有联盟成员共同签署的说明" in section(draft, 2)
    assert "未存证" in section(draft, 11)
    assert "未知" in section(draft, 13)
    assert "未核验" in section(draft, 8)
    assert [item.name for item in draft.attachments] == ["bundle.json", "trust.json", "seal-1.json"]


def test_description_is_told_and_attached(ledger: Registry) -> None:
    issuer = replace(ISSUER, description=DESCRIPTION, description_signers=("operator-a",))
    draft = ledger.compose(ledger.order(CASE), issuer)
    told = section(draft, 2)
    for text in (
        "某某司法存证平台",
        "区块链信息服务备案：备00001号：国家网信办",
        "运营公司（全称）",
    ):
        assert text in told
    assert "北斗授时" in section(draft, 13)
    assert attached(draft, "consortium.json") == canonical_json(DESCRIPTION)


def test_empty_description_is_unknown_everywhere(ledger: Registry) -> None:
    issuer = replace(ISSUER, description={"format": "evidence-consortium/1"})
    told = section(ledger.compose(ledger.order(CASE), issuer), 2)
    assert told.count("未知") > 5
    assert "无成员签名通过核验" in told


@pytest.mark.parametrize("authority", ["", "示例时间戳机构"])
def test_seal_page_says_whose_claim_the_time_is(ledger: Registry, authority: str) -> None:
    sealing = SealingCertificate("C=CN, O=示例", "C=CN, CN=示例根", "0a1b", "ab" * 32, 1, 2)
    issuer = replace(ISSUER, sealing=sealing, time_stamp_authority=authority)
    draft = ledger.compose(ledger.order(CASE), issuer)
    sealed = json.loads(draft.content)["seal_page"]["sealed"]
    assert (authority in sealed) if authority else ("自述" in sealed)
    assert ("自述" in section(draft, 9).split("本证书出具时间")[1]) is not bool(
        authority
    ) or authority


# -- seals ----------------------------------------------------------------------------------------


def imprint(draft: Draft) -> dict[str, Any]:
    blocks = json.loads(draft.content)["sections"][4]["blocks"]
    found: dict[str, Any] = next(block for block in blocks if block["k"] == "seal")["imprint"]
    return found


@pytest.mark.parametrize("subject", [CASE, SEAL])
def test_imprint_is_shown_where_its_hash_is_proven(ledger: Registry, subject: str) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    order = ledger.order(subject, pictures={digest: PICTURE})
    assert imprint(ledger.compose(order))["svg"] == PICTURE.decode()


def test_another_picture_under_that_hash_is_not_shown(ledger: Registry) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    order = ledger.order(CASE, pictures={digest: PICTURE.replace(b"18", b"17")})
    assert imprint(ledger.compose(order)) == {"missing": "所提供的图像与哈希不符"}
    assert imprint(ledger.compose(ledger.order(CASE))) == {"missing": "印模图像未提供"}


def test_case_shows_a_seal_from_its_own_verified_bundle(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    told = section(draft, 5)
    for text in ("37010200000001", "备案编号", "目前状态", "开始签章"):
        assert text in told
    report = verify_bundle(attached(draft, "seal-1.json"), attached(draft, "trust.json"))
    assert report.accepted


def test_seal_status_now_is_derived_from_its_validity() -> None:
    made = Registry()
    made.seal()
    now = made.bench.time()
    made.record("seal.status_changed", SEAL)
    order = made.order(SEAL)
    assert "已停用（冻结）（截至" in section(made.compose(order), 5)
    made.bench.block(time=now + 400 * 86_400_000)
    assert "已过期（截至" in section(made.compose(order), 5)


def test_single_record_of_a_seal_still_names_it(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(SEAL, ordinal=3))
    assert "37010200000001" in section(draft, 5)
    assert "目前状态" in section(draft, 5)


# -- refusals -------------------------------------------------------------------------------------


def test_single_record_says_nothing_of_the_dossier(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE, ordinal=2))
    content = json.loads(draft.content)
    codes = [row[1] for row in content["cover"]["rows"] if row[0] == "存证编码"]
    assert codes[0]["m"].endswith("-2")
    assert "只涉及一条记录" in section(draft, 3)
    assert json.loads(attached(draft, "bundle.json"))["scope"] == "record"


@pytest.mark.parametrize("ordinal", [0, -1, 7])
def test_record_that_is_not_there(ledger: Registry, ordinal: int) -> None:
    with pytest.raises(InvalidInput, match=r"order\.ordinal"):
        ledger.compose(ledger.order(CASE, ordinal=ordinal))


def test_dossier_that_is_not_there(ledger: Registry) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        ledger.compose(ledger.order("case:platform-a:none"))


def test_too_many_records(ledger: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CERTIFIED_RECORDS == 200
    monkeypatch.setattr("node.evidence.certificates.composing.MAX_CERTIFIED_RECORDS", 5)
    with pytest.raises(InvalidInput, match="one by one"):
        ledger.compose(ledger.order(CASE))
    assert ledger.compose(ledger.order(CASE, ordinal=6)).content


def test_trust_file_of_another_chain_makes_no_certificate(ledger: Registry) -> None:
    trust = replace(decode_trust(ledger.bench.trust()), genesis_hash=b"\1" * 32)
    with pytest.raises(InvalidProof, match=r"chain\.identity"):
        ledger.compose(ledger.order(CASE), trust=trust)


def test_chain_that_continues_another_is_told_with_it() -> None:
    made = Registry()
    made.seal()
    made.bench.move_on()
    made.bench.block()
    draft = made.compose(made.order(SEAL))
    assert "所延续的链\nconsortium-test" in section(draft, 10)
    assert verify_bundle(attached(draft, "bundle.json"), attached(draft, "trust.json")).accepted


def test_key_of_another_member_is_refused(ledger: Registry) -> None:
    with pytest.raises(InvalidInput, match="kid"):
        ledger.compose(ledger.order(CASE), kid=member_key("platform-a").kid)


def test_english_has_no_chinese_of_its_own(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(RECORD, language="en", applicant="", purpose=""))
    chinese = {
        line for line in all_texts(draft).splitlines() if any("一" <= c <= "鿿" for c in line)
    }
    data = ("旧存证平台", "签约平台", "成员", "一二三四五六七八九十")
    assert [
        line for line in chinese if not any(one in line for one in data) and len(line) > 2
    ] == []


def table_of(draft: Draft, place: int) -> list[list[Any]]:
    blocks = json.loads(draft.content)["sections"][place - 1]["blocks"]
    rows: list[list[Any]] = next(block["rows"] for block in blocks if block["k"] == "table")
    return rows


def test_each_hash_is_printed_once_and_versions_of_a_document_follow(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    rows = table_of(draft, 7)
    printed = ["".join(row[0][0]["h"]).replace(" ", "") for row in rows]
    named: dict[str, None] = {}
    for entry in json.loads(attached(draft, "bundle.json"))["entries"]:
        payload = json.loads(entry["entry"])["tx"].split(".")[1]
        data = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["data"]
        named.update(dict.fromkeys(re.findall(r'"([0-9a-f]{64})"', json.dumps(data))))
    assert sorted(printed) == sorted(named)
    assert [row[1] for row in rows] == [
        [
            "文件：application/pdf，123456 字节（第 1 条，发起签约）",
            "文档哈希：第 3、4 条",
            "签署前文档哈希：第 5 条",
        ],
        ["文件：application/pdf，51400 字节（第 6 条，签署完成）", "签署后文档哈希：第 5 条"],
        ["签名值哈希：第 5 条"],
    ]


def test_name_of_a_document_stands_at_its_hash_where_it_is_disclosed(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE, disclosed=True))
    assert table_of(draft, 7)[0][1][0].startswith("文件：采购合同（机密），application/pdf，")


def test_who_gives_a_document_another_sm3_hash_is_named() -> None:
    """Else nobody knew which record says what. Of two documents one is signed."""
    made, sub = Registry(), "case:platform-a:sm3"
    made.seal()
    signed = full_data_of("signing.initiated")["documents"][0]
    same = {"media_type": "application/pdf", "sha256": "ab" * 32, "size": 7}
    first, second = ({**same, "sm3": one * 32} for one in ("01", "02"))
    made.record("signing.initiated", sub, data_of("signing.initiated", documents=[signed, first]))
    last = {**same, "sha256": made._round(sub, signed["sha256"], 0)}
    made.record("signing.completed", sub, data_of("signing.completed", documents=[last, second]))
    made.bench.block()
    rows = [row[0] for row in table_of(made.compose(made.order(sub)), 7)]
    (found,) = (row for row in rows if len(row) == 5)
    assert found[1::2] == ["SM3", "SM3（第 6 条另载）"]
    hashes = ["".join(one["h"]).replace(" ", "") for one in found[::2]]
    assert hashes == ["ab" * 32, "01" * 32, "02" * 32]


def test_records_of_one_source_are_one_row_with_the_span_of_their_lags(ledger: Registry) -> None:
    rows = table_of(ledger.compose(ledger.order(CASE)), 12)
    assert rows == [
        [
            "第 1 至 6 条",
            ["签约平台", {"m": "api"}],
            "成员 platform-a",
            ["采集：未存证", "提交：发生后 1 秒"],
        ]
    ]


def test_what_was_imported_or_late_is_named_by_its_record(ledger: Registry) -> None:
    ((*_, lags), *_) = table_of(ledger.compose(ledger.order(IMPORTED)), 12)
    assert lags[-1] == "补录：第 1 条，此前环节未经本账本记录"


def test_the_qr_code_holds_number_code_and_fingerprint(ledger: Registry) -> None:
    draft = ledger.compose(ledger.order(CASE))
    content = json.loads(draft.content)
    bundle, trust = attached(draft, "bundle.json"), attached(draft, "trust.json")
    report = verify_bundle(bundle, trust)
    code = content["cover"]["rows"][1][1]["m"]
    text = f"{draft.certificate_no}\n{code}\n{report.trust_fingerprint}"
    made = segno.make(text, error="m", micro=False, mask=2)
    assert content["qr"] == made.svg_inline(border=2, dark="#000", light=None)
