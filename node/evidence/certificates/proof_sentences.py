"""Sentences of sections nine to sixteen, each in Chinese and English."""

from __future__ import annotations

__all__ = [
    "ALGORITHMS",
    "ALL_SHOWN",
    "BY_TIME_STAMP",
    "CHECK_PROGRAM",
    "CLOCKS",
    "COMPARE_FINGERPRINT",
    "HOW_TO_COMPUTE",
    "LONG_LAGS",
    "NOTHING_RESTS_ON_IT",
    "NO_CUSTODIANS",
    "NO_VERIFIER",
    "OFFLINE",
    "ONLINE",
    "OTHER_PATHS",
    "OWN_CLAIM",
    "RECEIPTS_GIVEN",
    "RELATED",
    "SEALED_WITHOUT_TIME",
    "SEE_ANCHORS",
    "SIGNATURES_IN_DOCUMENTS",
    "STATEMENT",
    "SUBMITTERS_WORD",
    "TAKE_OUT",
    "UNSEALED",
    "VALIDATORS_SIGN",
    "WE_ISSUE",
    "WHAT_AN_ANCHOR_DOES",
    "WHAT_IS_PROVEN",
]

ALGORITHMS = (
    ("记录签名 ECDSA P-256/SHA-256；区块签名 Ed25519；哈希 SHA-256；默克尔树 RFC 9162"),
    ("records ECDSA P-256/SHA-256; blocks Ed25519; hash SHA-256; Merkle tree RFC 9162"),
)
ALL_SHOWN = (
    ("链上摘要所对应的私密字段均已披露，或者记录没有私密字段。"),
    ("Every digest's private field is shown, or there are none."),
)
BY_TIME_STAMP = (
    ("由时间戳机构以时间戳确认，见签章"),
    ("by the authority's time-stamp in the signature"),
)
CHECK_PROGRAM = (
    ("使用前先核对程序文件的 SHA-256；最好从出具机构以外的联盟成员处取得。"),
    ("Check the program's SHA-256 before use; best get it from another member than the issuer."),
)
CLOCKS = (
    (
        "验证节点的时钟由各运营方自行维护，区块时间取各节点投票时间的中位数；发生、采集、"
        "提交时间由提交方自述，不属于可信时间。"
    ),
    (
        "Validators keep their own clocks, and a block bears the median of their votes' times. "
        "What a submitter says of when something occurred or was collected is not among the times "
        "that can be relied on."
    ),
)
COMPARE_FINGERPRINT = (
    ("将封面所印信任文件指纹与联盟成员公布的指纹逐组核对；不一致的，停止核验。"),
    (
        "Compare the fingerprint on the cover with the one that members publish; if they differ, "
        "stop."
    ),
)
HOW_TO_COMPUTE = (
    (
        "由条目哈希起，自下而上与下列各哈希逐级计算（RFC 9162），应当得到上列日志根哈希；"
        "改动任何一条记录，都会使结果不同。"
    ),
    (
        "From the leaf hash upwards, combined with these one after the other (RFC 9162), comes the "
        "root of the log above; any change of a record would lead to another."
    ),
)
OTHER_PATHS = (
    (
        "以上为最后一条记录的路径。每条记录都写有前一条记录的条目哈希，故最后一条在日志中，即可"
        "证明此前各条未被改动；其余各条自己的路径见附件 bundle.json，第 8 步已逐条核验。"
    ),
    (
        "This is the path of the last record. Each record names the one before it by its leaf "
        "hash, so that the last one in the log shows that none before was changed; the paths of "
        "the others are in bundle.json, and step 8 has checked each."
    ),
)
LONG_LAGS = (
    ("间隔越长，数据在上链之前被改动的可能越需要由其他证据排除。"),
    ("The longer the lag, the more other evidence has to rule out a change before."),
)
NOTHING_RESTS_ON_IT = (
    (
        "软件名称、版本与配置哈希为出具机构所述，由其在本证书上的签名负责；核验结论不依赖这些信息，"
        "任何人可以用独立的核验程序得到同样的结论。"
    ),
    (
        "Name, version and configuration are the issuer's word, under its signature on this "
        "certificate. No result rests on them: anybody gets the same with a verifier of their own."
    ),
)
NO_CUSTODIANS = (
    ("联盟参数未指定保管成员：由受理提交的节点加密保存"),
    ("no custodians are named in the parameters: the accepting node keeps them, encrypted"),
)
NO_VERIFIER = (
    ("出具机构没有公布离线核验程序的哈希；可按公开的格式规范自行编制核验程序。"),
    (
        "The issuer has published no offline verifier; one can be written from the published "
        "specification."
    ),
)
OFFLINE = (
    ("离线：用下列任一核验程序打开本 PDF 或者上述两个文件。核验程序不联网，也不询问任何节点。"),
    (
        "Offline: open this PDF, or the two files, with any of the verifiers below. They use no "
        "network and ask no node."
    ),
)
ONLINE = (
    ("在线：在任一联盟成员的查询页面输入证书编号或者存证编码，与本证书对照。"),
    ("Online: look the certificate number or the evidence code up at any member's node."),
)
OWN_CLAIM = (
    ("未配置时间戳机构：仅为出具机构自述"),
    ("no time-stamp authority: the issuer's own claim"),
)
RECEIPTS_GIVEN = (
    ("证据包只含出具机构提供的回执；是否另有回执，本证书不予说明。"),
    (
        "The bundle holds the receipts that the issuer gave; whether there are others, it does not "
        "say."
    ),
)
RELATED = (
    ("关联印证：同一卷宗的其他记录、印章卷宗、第三方回执，见第五、六、十一部分。"),
    (
        "Related evidence: other records of the dossier, the seals' dossiers, receipts from "
        "outside; see sections 5, 6, 11."
    ),
)
SEALED_WITHOUT_TIME = (
    (
        "电子签章为 PAdES 数字签名；未加盖时间戳，签章时间为出具机构自述。"
        "签章后对本文件的任何改动都能被发现。"
    ),
    (
        "The seal is a PAdES signature without a time-stamp: its time is the issuer's claim. Any "
        "later change of this file shows."
    ),
)
SEE_ANCHORS = (
    ("第三方链、时间戳机构（见第十一部分）"),
    ("outside chains, time-stamp authorities (section 11)"),
)
SIGNATURES_IN_DOCUMENTS = (
    ("被签署文件内的电子签名及其证书（见第八部分）。"),
    ("Signatures in the documents and their certificates (section 8)."),
)
STATEMENT = (
    ("出具机构以账本密钥签名的声明，载明以上各附件的 SHA-256"),
    ("The issuer's statement, signed with its ledger key: the hashes of the files above"),
)
SUBMITTERS_WORD = (
    ("来源系统、生成方式由提交成员自述，并由其签名负责；账本不能核验上链之前的数据是否真实。"),
    (
        "System and method are the submitter's word, under its signature: a ledger cannot check "
        "whether data was true before it was recorded."
    ),
)
TAKE_OUT = (
    ("从本 PDF 的附件中取出 bundle.json 与 trust.json（常用阅读器的“附件”栏）。"),
    ("Take bundle.json and trust.json out of this PDF (the reader's list of attachments)."),
)
UNSEALED = (
    ("出具机构未配置签章证书，本证书没有电子签章。"),
    ("The issuer has no sealing certificate: this certificate is not sealed."),
)
VALIDATORS_SIGN = (
    ("区块验证节点，三分之二以上权重共同签名"),
    ("the validators, more than 2/3 of their power"),
)
WE_ISSUE = (
    ("本机构按照第一部分所述方法出具本证书，对提取与核验过程负责。"),
    (
        "We issue this certificate as section 1 says, and answer for how its content was extracted "
        "and verified."
    ),
)
WHAT_AN_ANCHOR_DOES = (
    (
        "第三方存证由联盟之外的机构固定日志根哈希：其后即使全部验证节点串通，"
        "也无法改动此前的记录而不被发现。"
    ),
    (
        "An anchor fixes the log's root with somebody outside the consortium: after it, not even "
        "all validators together can change what was recorded before unnoticed."
    ),
)
WHAT_IS_PROVEN = (
    (
        "本证书证明：所列记录由所列成员签名，于所列时间范围内进入日志，至所列高度未被增删、改动。"
        "本证书不证明记录所述内容真实，不判断签署人的真实意思，不代替人民法院对证据真实性、合法性、"
        "关联性的认定。"
    ),
    (
        "This certificate proves that the members named signed these records, that they came into "
        "the log between the times named, and were neither changed nor removed up to the height "
        "named. It does not prove that what they say is true, does not judge what the signers "
        "meant, and does not take the court's place."
    ),
)
