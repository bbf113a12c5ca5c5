"""What each step of the verifier means, in one sentence, and why it matters."""

from __future__ import annotations

__all__ = ["MEANINGS"]

MEANINGS: dict[str, tuple[str, str]] = {
    "bundle.form": (
        "证据包格式完整、没有多余内容。格式不严，可能夹带未经核验的内容。",
        "The bundle is well formed and holds nothing else, so nothing unchecked hides in it.",
    ),
    "chain.identity": (
        "证据包属于信任文件所指的那条链。换成另一条链，再真的证明也与本案无关。",
        "The bundle is of the chain that the trust file names; a proof of another chain shows "
        "nothing here.",
    ),
    "chain.commits": (
        "区块由三分之二以上权重的验证节点签名。少数节点不能自行造出区块。",
        "More than 2/3 of the validators' power signed the blocks; a few cannot make one up.",
    ),
    "chain.headers": (
        "区块首尾相接、时间递增，日志只增不减。这样才能排除中间被换掉或者倒填时间。",
        "Blocks are linked, times rise, the log only grows: nothing was swapped or back-dated.",
    ),
    "log.genesis": (
        "日志从信任文件所指的创世文件开始。由此确定全部记录属于同一本账。",
        "The log begins with the genesis that the trust file names, so all is one ledger.",
    ),
    "state.proofs": (
        "密钥、成员、印章状态等取自被签名确认的状态表。否则密钥归谁、印章是否有效无从判断。",
        "Keys, members and seals are as the signed state says; without it nobody knows whose key "
        "it is.",
    ),
    "entries.form": (
        "每条记录和其中的交易格式正确，且同属一个卷宗。防止拼接不同卷宗的记录。",
        "Each record is well formed and all are of one dossier: none was spliced in.",
    ),
    "entries.inclusion": (
        "每条记录都在日志之中。改动一个字，就算不出同样的根哈希。",
        "Each record is in the log: one changed character would give another root.",
    ),
    "dossier.chain": (
        "记录按序号逐条相接，没有缺号、换序。",
        "The records follow one another without a gap, in their order.",
    ),
    "dossier.head": (
        "所示最后一条就是卷宗的最后一条。防止只出示对己有利的前半部分。",
        "The last one shown is the dossier's last: no later record was held back.",
    ),
    "transactions.keys": (
        "签名密钥当时确属该成员且在有效期内。否则签名不能归于该成员。",
        "The key was that member's, and in force, at the time; else it is not its signature.",
    ),
    "transactions.signatures": (
        "每条记录的签名有效。证明内容由该成员签发且未被改动。",
        "Each record's signature holds: that member signed just this content.",
    ),
    "times": (
        "上链时间与区块头一致，由验证节点共同确认，不由提交方自述。",
        "The times are those of the signed headers, not of the submitter's telling.",
    ),
    "disclosures": (
        "所披露的私密字段与链上摘要一致。证明其为当时所存，不是事后填写。",
        "The private fields shown fit the digests on the chain: they were not filled in later.",
    ),
    "log.checkpoint": (
        "日志与核验者此前掌握的检查点一致。用于发现账本被整体重写。",
        "The log leads to a point that the verifier knew before: this shows a rewritten ledger.",
    ),
    "anchors": (
        "联盟之外的机构在某一时间见过该日志。用于防范全体验证节点串通。",
        "Somebody outside saw the log at a certain time, which guards against all validators "
        "together.",
    ),
    "operators": (
        "验证节点由几个互相独立的机构运行。只有一个运营方时，须依靠第三方存证防范其自身。",
        "Several institutions run the validators; with one, only anchors guard against itself.",
    ),
}
"""By the step's id, in Chinese and English."""
