/**
 * The verifier's step about the operators: who would have had to lie together. Mirrors the last
 * step of node/core/verify_chain.py.
 */

import { toHex } from "./bytes.js";
import { Told } from "./case.js";
import { NotChecked } from "./errors.js";
import { shown } from "./shown.js";
import { rfc3339 } from "./times.js";
import { describePast } from "./verify_past.js";

/** Step 17. Nobody may have had more than 2/3 of the power in any set of validators that signed. */
export function checkOperators(case_) {
  const owners = new Map(case_.genesis.validators.map((item) => (
    [toHex(item.validator.publicKey), item.member]
  )));
  const [past, pastZh] = describePast(case_);
  const phases = case_.validatorSets.map((set) => powersOf(case_, owners, set));
  phases.forEach((powers) => checkSeveral(powers, case_.anchored, past, pastZh));
  const parties = [...phases[phases.length - 1].keys()].sort();
  const changes = phases.length - 1;
  const text = `${parties.length} operators: ${parties.join(", ")}`;
  const textZh = `共 ${parties.length} 个运营方：${parties.join("、")}`;
  if (changes === 0) {
    return new Told(text, textZh, past, pastZh);
  }
  const note = "whoever holds keys of validators that have left could sign another history of "
    + "their time: an anchor or time-stamp made then rules that out for the log that it is of";
  const noteZh = "持有已退出验证节点密钥的人可就其任期另签一段历史："
    + "当时作成的第三方存证或时间戳可就其所涉日志予以排除";
  const [earliest] = case_.anchored.map((time) => rfc3339(time));
  const since = earliest === undefined ? "" : `; the earliest shown is of ${earliest} (step 16)`;
  const sinceZh = earliest === undefined ? "" : `；所示最早为 ${earliest}（见第 16 步）`;
  return new Told(
    `${text}; after ${changes} other set(s) of validators`,
    `${textZh}；此前有过 ${changes} 组验证节点`,
    [note + since, ...past],
    [noteZh + sinceZh, ...pastZh],
  );
}

/** The power of each member in a set, of all its validators together: BigInt by member. */
function powersOf(case_, owners, set) {
  const powers = new Map();
  for (const item of set.validators) {
    const member = operatorOf(case_, owners, item);
    powers.set(member, (powers.get(member) ?? 0n) + BigInt(item.power));
  }
  return powers;
}

/** Whoever has more than 2/3 of the power signs alone, however many others there are. */
function checkSeveral(powers, anchored, past, pastZh) {
  const total = [...powers.values()].reduce((sum, power) => sum + power, 0n);
  const alone = [...powers].find(([, power]) => 3n * power > 2n * total);
  if (alone === undefined) {
    return;
  }
  const [member, power] = alone;
  const several = powers.size > 1;
  const others = several
    ? ` with ${power} of ${total} of the power, which signs without the others`
    : "";
  const othersZh = several ? `，其权重为 ${power}/${total}，无需其他方即可签名` : "";
  const earliest = anchored.length === 0 ? "" : rfc3339(anchored[0]);
  const first = earliest === "" ? "" : `: of those shown, ${earliest} (step 16)`;
  const firstZh = earliest === "" ? "" : `（本证据包所示最早为 ${earliest}，见第 16 步）`;
  throw new NotChecked(
    `one operator (${member})${others}: the log is protected from that operator only from its `
      + `first anchor on${first}`,
    `单一运营方（${member}）${othersZh}：自首次第三方存证起，日志方可防范该运营方自身${firstZh}`,
    past,
    pastZh,
  );
}

/** The member that runs a validator: by the genesis, or by the state map, which forgets none. */
function operatorOf(case_, owners, validator) {
  const publicKey = toHex(validator.publicKey);
  const known = owners.get(publicKey);
  if (known !== undefined) {
    return known;
  }
  const address = toHex(validator.address);
  const value = case_.state.get(`validator/${address}`) ?? null;
  if (value === null || value.public_key !== publicKey) {
    throw new NotChecked(
      `who runs the validator ${address} is not shown`,
      `未展示验证节点 ${address} 的运营方，故未核验`,
    );
  }
  return shown(value.member);
}
