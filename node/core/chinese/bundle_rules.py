"""Rules of bundles, trust files and what they hold, in Chinese."""

from __future__ import annotations

__all__ = ["FORMS", "RULES"]

RULES = {
    "a change of validators is not shown": "未展示验证节点的变更",
    "a disclosure has a character outside ASCII": "披露含非 ASCII 字符",
    "a member's name is not ASCII": "成员名含非 ASCII 字符",
    "a signature line must be an em dash, a name and base64, with a space between": (
        "签名行须为破折号、名称与 base64，以空格相隔"
    ),
    "an Ed25519 key has 32 bytes": "Ed25519 公钥须为 32 字节",
    "are not the set that the header names": "验证节点集合与区块头不符",
    "are not those that the next genesis names": "与后一创世文件所指的不符",
    "are not what the next header's app_hash commits to": "与下一区块头所承诺的不符",
    "are of more than one dossier": "各条记录不属于同一卷宗",
    "base64 with loose bits in its last character": "编码末位有多余的比特",
    "base64url with loose bits in its last character": "编码末位有多余的比特",
    "comes twice": "同一披露出现两次",
    "coordinates must be 32 bytes each": "坐标须各为 32 字节",
    "does not connect these two roots": "一致性证明不成立",
    "does not follow from its first transaction": "存证编码与首笔交易不符",
    "does not hold under this key (ES256)": "签名与该公钥不符（ES256）",
    "does not hold under this key (Ed25519)": "签名与该公钥不符（Ed25519）",
    "does not name the record before it": "未指向前一条记录",
    "holds a set that no commit uses": "含有未被使用的验证节点集合",
    "is another chain": "交易属于另一条链",
    "is another chain than its height's": "交易所属的链与其高度不符",
    "is before the chain's first height": "早于该链的起始高度",
    "is empty": "一致性证明为空",
    "is for another block": "提交所指为另一区块",
    "is its predecessor's: an id is never used again": "与前身链的标识相同",
    "is named by no genesis": "没有创世文件指明此前身链",
    "is nested too deep": "嵌套过深",
    "is no canonical Ed25519 verifier key": "不是规范的 Ed25519 检查点公钥",
    "is no date or time of the calendar": "不是日历中的日期或时刻",
    "is no member": "不是成员",
    "is no member of a transaction": "不是交易的成员",
    "is no parameter": "不是治理参数",
    "is not UTF-8": "不是有效的 UTF-8",
    "is not a member of this format": "不是此格式的成员",
    "is not in its canonical form": "不是规范形式",
    "is not its block's time": "与其区块时间不符",
    "is not of the validator in this place": "签名者与此处的验证节点不符",
    "is not that of the chain of its height": "不是该高度所属链的标识",
    "is not the hash of the header in the bundle": "与证据包中的区块头哈希不符",
    "is not the one in the trust file": "链标识与信任文件不符",
    "is not the one that the next header names": "与后一区块头所指不符",
    "is not the thumbprint of this key": "所称密钥与公钥不符",
    "is of another chain": "属于另一条链",
    "is reserved (RFC 9901): nothing is nested": "使用了保留名称",
    "is too long": "过长",
    "its R is not canonical or of small order (Ed25519)": "签名的 R 不规范或为小阶点（Ed25519）",
    "its S is not below the group's order (Ed25519)": "签名的 S 不小于群的阶（Ed25519）",
    "its header is not in the bundle": "证据包中没有其区块头",
    "its last record is another than the bundle's": "链上的最后一条记录与证据包不同",
    "its length does not fit its masks": "长度与位图不符",
    "its name must be without spaces": "名称不得含空格",
    "its roots are malformed": "根的格式不符",
    "its size or height is no number": "大小或高度不是数字",
    "its validator set is not in the bundle": "证据包中没有其验证节点集合",
    "lone surrogate in a string": "字符串含不成对的代理码位",
    "may use letters, digits, _ - \\d [A-Z0-9] [A-Za-z0-9] {m,n} +": "编号格式不符合规范",
    "must be 1": "条目版本未知",
    "must be 1 to 128 letters, digits, '.', '_', ':' or '-'": (
        "须为 1 至 128 个字母、数字或 . _ : -"
    ),
    "must be 1 to 128 of A-Za-z0-9._:/-": "须为 1 至 128 个字母、数字或 . _ : / -",
    "must be 1 to 40 lower-case letters, digits, '_', '.' or '-'": (
        "须为 1 至 40 个小写字母、数字或 _ . -"
    ),
    "must be 1 to 50 letters, digits, '.', '_' or '-'": "链标识不符合规范",
    "must be <kind>:<member>:<opaque id>, kind one of anchor, case, consortium, record, seal": (
        "事项标识不符合规范"
    ),
    "must be CZ, 13 digits and, for one record, '-' and its number": "不是存证编码",
    "must be ES256": "签名算法须为 ES256",
    "must be a 32-bit integer": "计数器须为 32 位整数",
    "must be a JSON array of salt, name and value": "须为盐、名称、值三项的数组",
    "must be a JWK with exactly kty, crv, x and y": "须为恰含 kty、crv、x、y 的 JWK",
    "must be a JWS compact string": "须为 JWS 紧凑格式",
    "must be a JWS compact string of three parts": "须为三段的 JWS 紧凑格式",
    "must be a SHA-256 in base64url": "须为 base64url 形式的 SHA-256 值",
    "must be a SHA-256 thumbprint (RFC 7638)": "须为 SHA-256 密钥指纹（RFC 7638）",
    "must be a SHA-256 value in lower-case hex": "须为小写十六进制的 SHA-256 值",
    "must be a SHA-256 value in lower-case hex, 64 characters": (
        "须为 64 个小写十六进制字符的 SHA-256 值"
    ),
    "must be a SHA-256 value in lower-case hex, or empty": "须为小写十六进制的 SHA-256 值，或为空",
    "must be a UTC time of RFC 3339": "须为 RFC 3339 的 UTC 时间",
    "must be a chain id": "链标识不符合规范",
    "must be a chain id: 1 to 50 letters, digits, '.', '_' or '-'": "链标识不符合规范",
    "must be a known prefix, '/', and 1 to 257 of A-Za-z0-9._:/|-": (
        "须为已知前缀、“/”及 1 至 257 个字母、数字或 . _ : / | -"
    ),
    "must be a list of at most 16 hashes": "须为至多 16 个哈希的数组",
    "must be a lower-case letter and up to 39 letters, digits, '.', '_' or '-'": (
        "须以小写字母开头，后接至多 39 个小写字母、数字或 . _ -"
    ),
    "must be a member id": "成员标识不符合规范",
    "must be a member id: 1 to 40 lower-case letters, digits or '-'": "成员标识不符合规范",
    "must be a name without spaces": "须为不含空格的名称",
    "must be an event type such as seal.applied": "不是事件类型",
    "must be an evidence code with its ordinal": "存证编码缺少序号",
    "must be an integer from 0": "须为非负整数",
    "must be an integer from 1 to 65535": "须为 1 至 65535 的整数",
    "must be an object": "须为对象",
    "must be base64": "须为标准 base64",
    "must be base64 of a DER certificate": "须为 DER 证书的 base64",
    "must be base64 of a time-stamp token": "须为时间戳令牌的 base64",
    "must be base64 with padding (RFC 4648 §4)": "须为标准 base64",
    "must be base64url": "须为 base64url",
    "must be canonical base64": "须为规范的 base64",
    "must be dossier or record": "范围未知",
    "must be evidence+sd-jwt": "不是存证交易",
    "must be evidence-anchor/1": "须为 evidence-anchor/1",
    "must be evidence-bundle/1": "不是证据包",
    "must be evidence-certificate+jwt": "不是出证机构声明",
    "must be evidence-certificate/1": "声明格式未知",
    "must be evidence-genesis/1": "不是创世文件",
    "must be evidence-trust/1": "不是信任文件",
    "must be groups of three digits, x before all but the last": (
        "须为三位一组的数字，除末组外以 x 开头"
    ),
    "must be in order of height, each height once": "须按高度递增且不重复",
    "must be in order: by power, highest first, then by address": "验证节点次序有误",
    "must be known roles, sorted, each once": "角色须为已知、排序且不重复",
    "must be lower-case hex": "须为小写十六进制",
    "must be named by 1 to 64 of ASCII without blanks": (
        "附件名须为 1 至 64 个不含空格的 ASCII 字符"
    ),
    "must be sha-256 and stand beside _sd": "摘要算法须为 sha-256",
    "must be text of 1 to 200 characters": "须为 1 至 200 个字符的文本",
    "must be text or an integer": "须为文本或整数",
    "must be text, an empty line, and signature lines": "须为文本、空行与签名行",
    "must be text, and excludes other": "须为文本",
    "must be the first 0, 2, 4 or 6 digits of a division's code": (
        "须为行政区划代码的前 0、2、4 或 6 位"
    ),
    "must be the height of the newest roots": "截止高度不是最新根的高度",
    "must end with '~'; a key-binding JWT is not used here": "须以“~”结尾，此处不使用密钥绑定 JWT",
    "must have a place for each validator": "提交与验证节点数目不符",
    "must have exactly alg, kid and typ": "须恰含 alg、kid、typ",
    "must have exactly bitmap and siblings": "须恰含 bitmap 与 siblings",
    "must have exactly code, facts, height, prev, time, tx, v": (
        "须恰含 code、facts、height、prev、time、tx、v"
    ),
    "must have exactly five lines": "须恰为五行",
    "must have exactly key_hash and value_hash": "须恰含 key_hash 与 value_hash",
    "must have exactly system and method": "须恰含 system 与 method",
    "must have key and path, and may have value or other": "须含 key 与 path，可含 value 或 other",
    "must have kty OKP and crv Ed25519": "须为 Ed25519 公钥",
    "must lead to or from the newest size and root": "一致性证明与最新日志无关",
    "must not be before occurred_at": "采集时间早于发生时间",
    (
        "name must be text of a lower-case letter and up to 63 letters, digits or '_', and "
        "none that RFC 9901 reserves"
    ): "字段名不符合规范",
    "names a checkpoint key twice": "检查点密钥重复",
    "names a digest twice": "同一摘要出现两次",
    "names a key twice": "密钥重复",
    "names a member id twice": "成员标识重复",
    "neither a commit nor the next header vouches for it": "没有提交或后一区块头佐证",
    "nested too deep": "嵌套过深",
    "no digest in _sd names it": "链上无此字段的摘要",
    "not base64url without padding (RFC 7515 §2)": "须为无填充的 base64url",
    "not base64url: a character outside ASCII": "不是 base64url：含非 ASCII 字符",
    "not in canonical form (RFC 8785)": "不是规范形式（RFC 8785）",
    "null, true and false are not used in this format": "不得使用 null、true、false",
    "proves a key twice": "同一状态键证明了两次",
    "s is high; on the chain only the low s is valid": "签名的 s 值不是低值",
    "scope record has exactly one": "单条记录的证据包须恰有一条记录",
    "the bitmap does not count the siblings": "位图与哈希数目不符",
    "the check digit does not fit: a digit is mistyped": "存证编码校验位不符",
    "the headers that give its time are not in the bundle": "证据包中没有确定其时间的区块头",
    "the map is not empty": "状态并非为空",
    "the next header and its commit are not in the bundle": "证据包中没有下一区块头及其提交",
    "the other leaf does not stand in this key's place": "所示他项不在此键之处",
    "the path does not lead to this root": "证明路径与日志根不符",
    "the path is too long for this index and size": "证明路径过长",
    "the path is too short for this index and size": "证明路径过短",
    "the place said to be empty is not": "所称空缺之处并非空缺",
    "the roots after its block are not in the bundle": "证据包中没有其区块之后的根",
    "the way down is not in the bitmap": "证明路径与位图不符",
    "the width must be a number from 1 to 255": "宽度须为 1 至 255",
    "trees of one size must have one root and an empty proof": "同一大小的根不一致",
    "two chains have one id": "两条链标识相同",
    "uvarint is cut off or longer than 64 bits": "变长整数不完整或超过 64 位",
    "uvarint is not canonical": "变长整数不是规范形式",
}
"""What is asked, in English, and the same in Chinese, a half sentence behind its place."""

FORMS = {
    "a second disclosure of {name}": "同名字段披露两次",
    "at most {max_bytes} characters are allowed": "超过 {max_bytes} 个字符",
    "at most {max_note} bytes are allowed": "不得超过 {max_note} 字节",
    "at size {size} the log had another root: this log was forked": (
        "大小为 {size} 时日志的根与检查点不同：日志已分叉"
    ),
    "at size {size} the roots {height} have another root: this log was forked": (
        "大小同为 {size} 而根不同：日志已分叉"
    ),
    "cannot hold this value: {why}": "无法表示此值",
    "does not hold under this key ({called})": "签名与该公钥不符（{called}）",
    "duplicate member {name}": "同名成员出现两次",
    "has {count} characters, at most {most} are allowed": "超过 {most} 个字符",
    "height {height} has other roots in the bundle": "证据包中高度 {height} 的根与此不同",
    "integer {text} is out of range, at most 2^53-1 and no -0": "整数超出范围",
    "is no pattern: {why}": "编号格式不符合规范",
    "is not later than header {height}": "时间不晚于高度 {height} 的区块",
    "is not the last one of {chainid}, which {chainid_} names": "不是后一创世文件所指的最后区块头",
    "is not {chainid}, which the next genesis names": "与后一创世文件所指的链不符",
    "is of block protocol {protocol}, this verifier knows {block_protocol} only": (
        "区块协议版本 {protocol} 未知"
    ),
    "may have at most {max_validators} validators in all": "验证节点合计不得超过 {max_validators}",
    "may have at most {max_variable} quantifiers + and {{m,n}} with m below n": "可变量词过多",
    "may not sign {type}": "此密钥不得签署 {type}",
    "must be CZ{digits}-{ordinal}": "存证编码应为 CZ{digits}-{ordinal}",
    "must be a list of 1 to {max_digests} digests": "须为 1 至 {max_digests} 个摘要",
    "must be a list of at most {most} steps": "须为至多 {most} 步的数组",
    "must be a time, from 0 to {most}": "须为时间",
    "must be after iat, by at most {longest} seconds": "有效期不符合规范",
    "must be an array of {least} to {most} items": "须为 {least} 至 {most} 项的数组",
    "must be an integer from {least} to {most}": "须为 {least} 至 {most} 的整数",
    "must be below the tree's size {size}": "序号不在日志范围内",
    "must be between 1 and {second}": "前后大小颠倒",
    "must be text of {least} to {most} characters": "须为 {least} 至 {most} 个字符的文本",
    "must be {length} bytes of hex, {characters} characters": "须为 {length} 字节的十六进制",
    "must be {n} bytes of hex, or empty": "须为 {n} 字节的十六进制，或为空",
    "must begin at height {height}, behind {place}": "起始高度与前身链不衔接",
    "must have kty EC and crv {curves}": "kty 须为 EC，crv 须为 {curves}",
    "not JSON: {why}": "不是有效的 JSON",
    "not UTF-8 at byte {at}": "不是有效的 UTF-8",
    "nothing leads from the log of {chainid}, size {size}, to this one": (
        "未证明本日志延续 {chainid} 的日志"
    ),
    "power {signed} of {total} signed, more than 2/3 must": (
        "仅有权重 {signed}/{total} 签名，须超过三分之二"
    ),
    "salt must be text of {min_salt_characters} characters or more": "盐值过短",
    "show a smaller log than the roots {height}": "日志变小",
    "the Ed25519 key {fault}": "不是有效的 Ed25519 公钥（非素数阶群中的点）",
    (
        "the bundle does not lead to the known size {size}: fetch the bundle with from_size={size_}"
    ): "证据包未证明延续已知大小 {size} 的日志，请以 from_size={size} 重新获取证据包",
    "the bundle does not show that its log continues the one of size {size}": (
        "证据包未证明其日志延续大小为 {size} 的日志"
    ),
    "the last one of {chainid} has no commit": "前身链的最后区块头没有提交",
    "the last ones of {chainid} must be of the block before": (
        "前身链的最后根不属于其最后区块头之前的区块"
    ),
    "the point is not on {crv}": "该点不在 {crv} 曲线上",
    "was made under rules of version {rules}, this verifier knows {rules_version} only": (
        "规则版本 {rules} 未知"
    ),
    "x‖y and r‖s have {n} bytes on {curve}": "{curve} 的公钥与签名须各为 {n} 字节",
    "{bytes} bytes, at most {maxbytes} are allowed": "超过 {maxbytes} 字节",
    "{chainid}, which {chainid_} continues, is not shown": "未展示其延续的链 {chainid}",
    "{key} does not lead to this state root": "{key} 与状态根不符",
    "{length} bytes, an Ed25519 one has 64": "Ed25519 签名须为 64 字节",
    "{name} asks for a key of {crv}": "{name} 须用 {crv} 的公钥",
    "{name} stands in clear in data": "该字段已在链上公开",
    "{name} stands in clear in the payload": "字段名与公开成员重复",
    "{signature} bytes, r‖s has 64": "签名 r‖s 须为 64 字节",
    "{text} is not an integer; decimals are strings": "数字须为整数",
    "{version}: made under rules that are not known here, only version {rules_version} is": (
        "规则版本 {version} 未知，本核验程序仅识别版本 {rules_version}"
    ),
}
"""The same of rules with something in them, in the form of `str.format`."""
