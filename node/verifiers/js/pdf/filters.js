/**
 * What streams are packed with: FlateDecode and its PNG predictors (ISO 32000-2 §7.4.4). Mirrors
 * node/core/pdf/filters.py.
 */

import { InvalidInput } from "../errors.js";
import { inflate } from "./inflate.js";

const UP = 2;
const MOST_COLUMNS = 64;

/**
 * The contents of a stream, at most `most` bytes: as they stand, or inflated.
 * @throws {InvalidInput} packed in another way, not whole, or larger.
 */
export function decodeStream(stream, place, most) {
  const { entries, raw } = stream;
  if (!entries.has("Filter") && !entries.has("DecodeParms")) {
    if (raw.length > most) {
      throw new InvalidInput(place, `has more than ${most} bytes`, `超过 ${most} 字节`);
    }
    return raw;
  }
  const filter = entries.get("Filter");
  const only = Array.isArray(filter) && filter.length === 1 ? filter[0] : filter;
  if (only !== "FlateDecode") {
    throw new InvalidInput(
      place, "must be packed with FlateDecode alone, or not at all", "只能以 FlateDecode 压缩");
  }
  let parameters = entries.get("DecodeParms") ?? new Map();
  if (Array.isArray(parameters) && parameters.length === 1) {
    [parameters] = parameters;
  }
  const columns = readColumns(parameters, place);
  const grown = columns === null ? most : most + Math.floor(most / columns) + 1;
  const data = inflate(raw, place, grown);
  return columns === null ? data : unpredict(data, columns, place);
}

/** How many bytes a row has that a PNG predictor made, or null where none did. */
function readColumns(parameters, place) {
  const known = ["Predictor", "Columns"];
  const isKnown = (name) => known.includes(name);
  if (!(parameters instanceof Map) || ![...parameters.keys()].every(isKnown)) {
    throw new InvalidInput(
      place, "must have no parameters but Predictor and Columns", "压缩参数不受支持");
  }
  const predictor = parameters.get("Predictor") ?? 1;
  const columns = parameters.get("Columns") ?? 1;
  if (predictor === 1) {
    return null;
  }
  const isPng = Number.isInteger(predictor) && predictor >= 10 && predictor <= 15;
  if (!isPng || !Number.isInteger(columns)) {
    throw new InvalidInput(
      place, "its predictor must be one of PNG, with rows of whole bytes", "压缩预测方式不受支持");
  }
  if (columns < 1 || columns > MOST_COLUMNS) {
    throw new InvalidInput(
      place, `its rows must have 1 to ${MOST_COLUMNS} bytes`, "压缩数据的行宽超出范围");
  }
  return columns;
}

/** Undo the predictors None and Up, which are what cross-reference streams are written with. */
function unpredict(data, columns, place) {
  if (data.length % (columns + 1) !== 0) {
    throw new InvalidInput(place, "does not hold whole rows", "压缩数据的行不完整");
  }
  const rows = data.length / (columns + 1);
  const out = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    const start = row * (columns + 1);
    if (data[start] !== 0 && data[start] !== UP) {
      throw new InvalidInput(
        place, "its rows must be predicted by None or Up", "压缩预测方式不受支持");
    }
    for (let column = 0; column < columns; column += 1) {
      const above = data[start] === UP && row > 0 ? out[(row - 1) * columns + column] : 0;
      out[row * columns + column] = data[start + 1 + column] + above;
    }
  }
  return out;
}
